"""Writes to the ledger."""

from apps.carbon.services.budgets import (
    BudgetSpec,
    budget_change,
    budget_create,
    budget_delete,
    budget_spec,
    charge,
    reservations_expire,
    reserve,
    settle,
)
from apps.carbon.services.enforcing import budgets_enforce
from apps.carbon.services.folding import ledger_fold
from apps.carbon.services.intensity import curve_delete, curve_upload
from apps.carbon.services.prices import prices_add
from apps.carbon.services.usage import ALERT_MESSAGE, Entry, cost_alert_check, on_attempts_ended, usage_record

__all__ = [
    "ALERT_MESSAGE",
    "BudgetSpec",
    "Entry",
    "budget_change",
    "budget_create",
    "budget_delete",
    "budget_spec",
    "budgets_enforce",
    "charge",
    "cost_alert_check",
    "curve_delete",
    "curve_upload",
    "ledger_fold",
    "on_attempts_ended",
    "prices_add",
    "reservations_expire",
    "reserve",
    "settle",
    "usage_record",
]
