"""What moves on every page: the number of running jobs in the top bar."""

from __future__ import annotations

from collections.abc import Sequence

from django.template.loader import render_to_string

from apps.core.live.log import Event
from apps.core.live.pages import EVERY_TOPIC, LivePage
from apps.core.models import Job, JobStatus, User


def _everything(_user: User, _key: str) -> list[str]:
    return [EVERY_TOPIC]


def _running_pill(_user: User, _key: str, _events: Sequence[Event]) -> str:
    running = Job.objects.filter(status=JobStatus.RUNNING).count()
    return render_to_string("components/running_pill.html", {"running": running, "oob": True})


SHELL = LivePage("shell", _everything, _running_pill, types=frozenset({"status_change"}), shared=True)
