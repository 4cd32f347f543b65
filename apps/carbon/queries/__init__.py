"""Reads of the ledger."""

from apps.carbon.queries.budgets import budget_get, budgets_forget, forecast_of, standings
from apps.carbon.queries.rates import Rates, rates_forget, rates_now
from apps.carbon.queries.sums import DIMENSIONS, Sums, ledger_by, ledger_by_hour, ledger_total

__all__ = [
    "DIMENSIONS",
    "Rates",
    "Sums",
    "budget_get",
    "budgets_forget",
    "forecast_of",
    "ledger_by",
    "ledger_by_hour",
    "ledger_total",
    "rates_forget",
    "rates_now",
    "standings",
]
