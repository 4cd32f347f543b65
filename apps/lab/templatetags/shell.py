"""What the frame around every page needs: the rail, the look a person chose, the count of running jobs."""

from __future__ import annotations

from typing import Any

from django import template

from apps.core.models import Job, JobStatus
from apps.lab import navigation

register = template.Library()

THEMES = ("light", "dark", "system")


@register.simple_tag(takes_context=True)
def chosen_theme(context: template.Context) -> str:
    """The theme remembered in the cookie; "system" when there is none."""
    return _cookie(context, "theme", THEMES, "system")


@register.simple_tag(takes_context=True)
def chosen_rail(context: template.Context) -> str:
    """Whether the rail is "wide" or "thin"."""
    return _cookie(context, "rail", ("wide", "thin"), "wide")


@register.simple_tag
def running_jobs() -> int:
    """How many jobs run now."""
    return Job.objects.filter(status=JobStatus.RUNNING).count()


@register.inclusion_tag("components/rail.html", takes_context=True)
def rail(context: template.Context) -> dict[str, Any]:
    """The areas, the one we are in, and its pages."""
    request = context.get("request")
    path = getattr(request, "path", "")
    return {"areas": navigation.areas(), "current": navigation.current(path), "path": path}


def _cookie(context: template.Context, name: str, known: tuple[str, ...], default: str) -> str:
    request = context.get("request")
    value = request.COOKIES.get(name, "") if request is not None else ""
    return value if value in known else default
