"""The list of experiments."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import member, page_role
from apps.core.models import Role
from apps.experiments import queries
from apps.experiments.engine import registry
from apps.experiments.models import ExperimentStatus
from apps.experiments.queries.experiments import ACTIVE, SORTS
from apps.experiments.strategies import title_of

PAGE_SIZE = 25


@page_role("viewer")
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Experiments with their state, progress and score."""
    chosen = {name: request.GET.get(name, "")[:200] for name in ("q", "status", "strategy", "owner", "sort")}
    sort = chosen["sort"] if chosen["sort"] in SORTS else "-created"
    found = queries.experiments_filtered(
        text=chosen["q"].strip(),
        status=chosen["status"],
        strategy=chosen["strategy"],
        owner=chosen["owner"],
        sort=sort,
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = queries.rows_of(list(page))
    context = {
        "rows": rows,
        "page_obj": page,
        "chosen": chosen,
        "sort": sort,
        "filters": [
            _choice("status", "State", chosen["status"], [(s.value, _word(s)) for s in ExperimentStatus]),
            _choice("strategy", "Strategy", chosen["strategy"], [(n, title_of(n)) for n in registry.names()]),
            _choice("owner", "Owner", chosen["owner"], [(name, name) for name in queries.owners()]),
        ],
        "filtered": any(chosen[name] for name in ("q", "status", "strategy", "owner")),
        "may_create": member(request).has_role(Role.RESEARCHER),
        "live_key": ",".join(row.run.run_id for row in rows if row.run and row.run.status in ACTIVE),
    }
    return render(request, "experiments/list.html", context)


def _word(status: ExperimentStatus) -> str:
    return "Running" if status == ExperimentStatus.IN_PROGRESS else str(status.label)


def _choice(name: str, label: str, value: str, options: list[tuple[str, str]]) -> dict[str, object]:
    return {"name": name, "label": label, "value": value, "options": options}
