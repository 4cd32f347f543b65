"""Writes to the ledger."""

from apps.carbon.services.folding import ledger_fold
from apps.carbon.services.intensity import curve_delete, curve_upload
from apps.carbon.services.prices import prices_add
from apps.carbon.services.usage import ALERT_MESSAGE, Entry, cost_alert_check, on_attempts_ended, usage_record

__all__ = [
    "ALERT_MESSAGE",
    "Entry",
    "cost_alert_check",
    "curve_delete",
    "curve_upload",
    "ledger_fold",
    "on_attempts_ended",
    "prices_add",
    "usage_record",
]
