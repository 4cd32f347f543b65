"""The lab's pages with live parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.core import live
from apps.core.charts import series_data
from apps.core.errors import NotFound
from apps.core.lists import Listing, live_list
from apps.core.live import EVERY_TOPIC, Event, LivePage
from apps.core.models import Job, User
from apps.lab import charts
from apps.lab.lists import JOBS
from apps.lab.observatory import moving_parts
from apps.lab.queries import jobs as job_queries
from apps.lab.queries import observatory
from apps.lab.system import machine_room

_JUST_NOW = timedelta(seconds=20)


def register() -> None:
    """Make them known."""
    changes = frozenset({"status_change"})
    live.register(LivePage("observatory", lambda _user, _key: [EVERY_TOPIC], _observatory, types=changes))
    live.register(LivePage("system", lambda _user, _key: [EVERY_TOPIC], _system, types=changes))
    live.register(LivePage("job", _job_topics, _job))
    live.register(live_list(JOBS, types=changes | {"progress"}, topics=_listed))


def _listed(listing: Listing) -> list[str]:
    """The group whose jobs alone are shown, or all."""
    return [listing.values["topic"] or EVERY_TOPIC]


def _observatory(user: User, key: str, _events: Sequence[Event]) -> str:
    """All parts but the chart, whose data follows when an experiment has just ended. `key` is the moment looked since."""
    context = moving_parts(user, parse_datetime(key) if key else None)
    html = render_to_string("lab/_observatory_live.html", {**context, "oob": True, "user": user})
    newest = max(
        (row.experiment.completed_at for row in context["finished"] if row.experiment.completed_at), default=None
    )
    if newest and timezone.now() - newest < _JUST_NOW:
        data = series_data(charts.score_series(observatory.points()))
        html += render_to_string("components/chart_data.html", {"chart_id": charts.ID, "data": data, "oob": True})
    return html


def _system(user: User, _key: str, _events: Sequence[Event]) -> str:
    return render_to_string("lab/_system_live.html", {**machine_room(user), "oob": True})


def _job_topics(_user: User, key: str) -> list[str]:
    if not Job.objects.filter(pk=key).exists():
        raise NotFound(f"There is no job {key[:40]}.")
    return [key]


def _job(user: User, key: str, events: Sequence[Event]) -> str:
    job = Job.objects.select_related("owner").filter(pk=key).first()
    if job is None:
        return ""
    lines = [(event.position.cursor, job_queries.log_line(event.type, event.payload, event.at)) for event in events]
    context = {
        "job": job,
        "row": job_queries.row(job, user),
        "attempts": job_queries.attempts(job),
        "lines": [(cursor, line) for cursor, line in lines if line],
        "oob": True,
    }
    return render_to_string("lab/_job_live.html", context)
