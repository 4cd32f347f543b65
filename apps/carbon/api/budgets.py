"""JSON API: budgets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema
from ninja.responses import Status

from apps.carbon import services
from apps.carbon.api.router import router
from apps.carbon.models import Budget
from apps.carbon.queries import budget_get, standings
from apps.carbon.queries.budgets import Standing
from apps.core.access import member
from apps.core.api.schemas import Strict, SuccessResponse
from apps.core.pagination import Page, PageQuery, paginate


class BudgetOut(Schema):
    """A budget as it stands in its present period."""

    budget_id: str
    name: str
    unit: str
    period: str
    scope: str
    scope_key: str
    limit: float
    warn_at: float
    spent: float
    reserved: float
    left: float
    state: str
    begins_at: datetime | None
    ends_at: datetime | None
    created_by: str | None
    created_at: datetime


class BudgetChange(Strict):
    """What is to be different; null is left as it is."""

    name: str | None = None
    limit: float | None = None
    warn_at: float | None = None


def budget_out(one: Standing) -> dict[str, Any]:
    """A budget as programs read it."""
    budget, account = one.budget, one.account
    return {
        **{name: getattr(budget, name) for name in services.BudgetSpec.model_fields},
        "budget_id": budget.pk,
        "spent": account.spent,
        "reserved": account.reserved,
        "left": account.left,
        "state": one.state,
        "begins_at": one.begins_at,
        "ends_at": one.ends_at,
        "created_by": budget.created_by.username if budget.created_by else None,
        "created_at": budget.created_at,
    }


def _one(budget_id: str) -> dict[str, Any]:
    budget = budget_get(budget_id)
    return budget_out(standings(Budget.objects.filter(pk=budget.pk))[0])


@router.get("/budgets", response=Page[BudgetOut], summary="Budgets, the newest first")
def list_budgets(request: HttpRequest, paging: Query[PageQuery]) -> Any:
    """With what is spent, promised and left of each."""
    rows = Budget.objects.order_by("-created_at", "-budget_id")
    page = paginate(rows, page=paging.page, page_size=paging.page_size, serialize=lambda row: row)
    shown = {one.budget.pk: one for one in standings(Budget.objects.filter(pk__in=[row.pk for row in page["items"]]))}
    return {**page, "items": [budget_out(shown[row.pk]) for row in page["items"] if row.pk in shown]}


@router.post("/budgets", response={201: BudgetOut}, summary="Set a budget (researchers their own, admins any)")
def create_budget(request: HttpRequest, body: services.BudgetSpec) -> Any:
    """Of dollars, tokens, kwh, gco2e or core_seconds; what was used in its period before counts."""
    return Status(201, _one(services.budget_create(spec=body, by=member(request)).pk))


@router.get("/budgets/{budget_id}", response=BudgetOut, summary="One budget")
def get_budget(request: HttpRequest, budget_id: str) -> Any:
    """As it stands now."""
    return _one(budget_id)


@router.patch("/budgets/{budget_id}", response=BudgetOut, summary="Change a budget (its maker or an admin)")
def change_budget(request: HttpRequest, budget_id: str, body: BudgetChange) -> Any:
    """A raised limit lets work go on: resume what was paused."""
    services.budget_change(budget=budget_get(budget_id), by=member(request), **body.model_dump())
    return _one(budget_id)


@router.delete("/budgets/{budget_id}", response=SuccessResponse, summary="Delete a budget (its maker or an admin)")
def delete_budget(request: HttpRequest, budget_id: str) -> Any:
    """The ledger stays."""
    budget = budget_get(budget_id)
    services.budget_delete(budget=budget, by=member(request))
    return {"message": f"Budget {budget.name} is deleted."}
