"""JSON API of the carbon app: what was used and emitted, budgets, exports."""

from __future__ import annotations

from apps.carbon.api.router import router

from apps.carbon.api import budgets, export, reports  # isort: skip

__all__ = ["budgets", "export", "reports", "router"]
