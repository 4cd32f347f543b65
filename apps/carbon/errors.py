"""The ledger's refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from apps.core.errors import TerrariumError


class BudgetSpent(TerrariumError):
    """Something would use more than a budget has left; trying again does not help."""

    code = "BUDGET_EXCEEDED"
    status = 429
    headers: ClassVar[Mapping[str, str]] = {"x-should-retry": "false"}

    def __init__(self, name: str, unit: str, *, asked: float, left: float) -> None:
        left = max(0.0, left)
        super().__init__(
            f"Budget {name} has {left:.6g} {unit} left, and {asked:.6g} may be needed. Raise it, or ask for less.",
            details={"budget": name, "unit": unit, "asked": asked, "left": left},
        )
