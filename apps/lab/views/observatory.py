"""What runs, what finished, what needs you."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import member, page_role
from apps.core.security import allow_inline_styles
from apps.lab.charts import score_against_cost
from apps.lab.observatory import moving_parts
from apps.lab.queries import observatory as queries
from apps.lab.services import look


@page_role("viewer")
@require_GET
@allow_inline_styles
def observatory(request: HttpRequest) -> HttpResponse:
    """The first page of the day."""
    user = member(request)
    since = look(user=user, session=request.session)
    points = queries.points()
    context = {
        **moving_parts(user, since),
        "live_key": since.isoformat() if since else "",
        "best": queries.best_scores(points),
        "chart": score_against_cost(points),
        "may_start": user.has_role("researcher"),
    }
    context["fresh"] = not (context["running"] or context["finished"] or points)
    return render(request, "lab/observatory.html", context)
