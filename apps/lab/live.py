"""The lab's pages with live parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime

from apps.core import live
from apps.core.errors import NotFound
from apps.core.lists import Listing, live_list
from apps.core.live import EVERY_TOPIC, Event, LivePage
from apps.core.log_lines import LogLine, log_line
from apps.core.models import Job, Service, User
from apps.core.observatory import Look
from apps.lab.lists import JOBS, SERVICES
from apps.lab.observatory import message
from apps.lab.queries import jobs as job_queries
from apps.lab.queries import services as service_queries
from apps.lab.queries.metrics import metrics
from apps.lab.system import machine_room

_SINCE = "since"


def register() -> None:
    """Make them known."""
    changes = frozenset({"status_change"})
    live.register(LivePage("observatory", lambda _user, _key: [EVERY_TOPIC], _observatory, types=changes))
    live.register(LivePage("system", lambda _user, _key: [EVERY_TOPIC], _system, types=changes))
    live.register(LivePage("job", _job_topics, _job, points=lambda _user, key: [key], draw_points=_job_metrics))
    live.register(live_list(SERVICES, types=frozenset({"service_change"})))
    live.register(LivePage("service", _service_topics, _service))
    live.register(live_list(JOBS, types=changes | {"progress"}, topics=_listed))


def _listed(listing: Listing) -> list[str]:
    """The group whose jobs alone are shown, or all."""
    return [listing.values["topic"] or EVERY_TOPIC]


def observatory_key(look: Look) -> str:
    """What a socket must know to draw the page as it was drawn: since when, and what its address chooses."""
    key = QueryDict(mutable=True)
    key.update({**look.chosen, _SINCE: look.since.isoformat() if look.since else ""})
    return key.urlencode()


def _observatory(user: User, key: str, _events: Sequence[Event]) -> str:
    chosen = QueryDict(key).dict()
    return message(Look(user, _moment(str(chosen.pop(_SINCE, ""))), chosen))


def _moment(text: str) -> datetime | None:
    """A moment as the page wrote it; None for what is none."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


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
    context = {
        "job": job,
        "row": job_queries.row(job, user),
        "attempts": job_queries.attempts(job),
        "lines": _lines(events),
        "oob": True,
    }
    return render_to_string("lab/_job_live.html", context)


def _job_metrics(_user: User, key: str, _jobs: Collection[str]) -> str:
    return render_to_string("lab/_job_metrics.html", {"metrics": metrics(key), "oob": True})


def _service_topics(_user: User, key: str) -> list[str]:
    if not Service.objects.filter(pk=key).exists():
        raise NotFound(f"There is no service {key[:40]}.")
    return [key]


def _service(user: User, key: str, events: Sequence[Event]) -> str:
    service = Service.objects.select_related("owner").filter(pk=key).first()
    if service is None:
        return ""
    context = {
        "service": service,
        "row": service_queries.row(service, user),
        "waiting": service_queries.why_waiting(service),
        "lines": _lines(events),
        "oob": True,
    }
    return render_to_string("lab/_service_live.html", context)


def _lines(events: Sequence[Event]) -> list[LogLine]:
    lines = [log_line(event.type, event.payload, event.at, event.position.cursor) for event in events]
    return [line for line in lines if line is not None]
