"""Reads of the ledger."""

from apps.carbon.queries.rates import Rates, rates_forget, rates_now
from apps.carbon.queries.sums import DIMENSIONS, Sums, ledger_by, ledger_by_hour, ledger_total

__all__ = ["DIMENSIONS", "Rates", "Sums", "ledger_by", "ledger_by_hour", "ledger_total", "rates_forget", "rates_now"]
