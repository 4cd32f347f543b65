"""The ledger's rows: what executions used, sums of that by the hour, prices, intensities, budgets."""

from apps.carbon.models.budgets import Budget, BudgetWindow, Reservation, Scope
from apps.carbon.models.intensity import IntensityCurve, IntensityHour
from apps.carbon.models.prices import PriceList
from apps.carbon.models.usage import CATEGORIES, Category, LedgerHour, ResourceUsage

__all__ = [
    "CATEGORIES",
    "Budget",
    "BudgetWindow",
    "Category",
    "IntensityCurve",
    "IntensityHour",
    "LedgerHour",
    "PriceList",
    "Reservation",
    "ResourceUsage",
    "Scope",
]
