"""The ledger's pages: what was used, and its budgets."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.carbon import services
from apps.carbon.charts import timeline_plot
from apps.carbon.engine.emissions import EQUIVALENTS
from apps.carbon.forms import BudgetForm
from apps.carbon.queries import budget_get, rates_now, reports, standings
from apps.core.access import member, page_role, require_role
from apps.core.errors import Invalid
from apps.core.models import Role
from apps.core.words import energy, plural

_PERIODS = {"day": "24 hours", "week": "7 days", "month": "30 days", "year": "A year", "all": "All"}
_PARTS = (
    ("category", "By kind of work"),
    ("strategy", "By strategy"),
    ("experiment", "By experiment"),
    ("user", "By member"),
)


@page_role("viewer")
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """A period: totals, power over time, where it went, budgets."""
    name = request.GET.get("period", "week")
    time = reports.time_asked(name if name in _PERIODS else "week", None, None)
    found, points = reports.summary(time), reports.timeline(time)
    address = reverse("carbon:overview")
    return render(
        request,
        "carbon/overview.html",
        {
            "total": found.total,
            "doubt": f"± {energy(found.total.doubt_joules)}" if found.total.executions else "",
            "unknown": f"not known of {plural(found.total.without_grams, 'execution')}"
            if found.total.without_grams
            else "",
            "plot": timeline_plot(points) if points else None,
            "periods": [
                {"key": key, "label": words, "url": f"{address}?period={key}"} for key, words in _PERIODS.items()
            ],
            "period": time.name,
            "tables": [(words, reports.breakdown(by, time, most=12)) for by, words in _PARTS] if points else [],
            "equivalents": [(one, one.amount(found.total.grams)) for one in EQUIVALENTS],
            "standings": standings()[:5],
            "rates": rates_now(),
        },
    )


@page_role("viewer")
@require_http_methods(["GET", "HEAD", "POST"])
def budgets(request: HttpRequest) -> HttpResponse:
    """Budgets as they stand, and a form for another."""
    by = member(request) if request.method != "POST" else require_role(request.user, Role.RESEARCHER)
    form = BudgetForm(request.POST if request.method == "POST" else None, by=by)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.budget_create(spec=services.budget_spec(form.values()), by=by)
        except Invalid as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, f"Budget {made.name} is set.")
            return redirect("carbon:budgets")
    context = {"standings": standings(), "form": form, "may_set": by.has_role(Role.RESEARCHER)}
    return render(request, "carbon/budgets.html", context, status=422 if form.errors else 200)


@page_role("researcher")
@require_POST
def budget_delete(request: HttpRequest, budget_id: str) -> HttpResponse:
    """Count and hold back no more."""
    budget = budget_get(budget_id)
    services.budget_delete(budget=budget, by=member(request))
    messages.success(request, f"Budget {budget.name} is deleted.")
    return redirect("carbon:budgets")
