"""Kinds of job and their runners for the tests, and a worker process that knows them.

python -m tests.workers.chores --queues cpu --concurrency 2
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workers import runners
from workers.runners import ChildTask, Runner

if TYPE_CHECKING:
    from apps.core.jobs.kinds import Finished
    from apps.core.models import Job

ENTRIES = ("nap", "chat", "fail", "die", "leave", "burn", "hoard", "spawn", "unwritable", "surroundings")


def _prepare(job: Job) -> ChildTask:
    return ChildTask(f"tests.workers.entries:{job.kind}", dict(job.payload), warm=tuple(job.payload.get("warm", ())))


def _ping(job: Job) -> dict[str, Any]:
    return {"pong": job.payload.get("n")}


def _tally(finished: Sequence[Finished]) -> None:
    """Count how often the end of a job took effect. Exactly once, if everything is right."""
    from django.db.models import F

    from apps.core.models import FairShare

    for one in finished:
        row, _ = FairShare.objects.get_or_create(queue="tally", user_key=one.job.pk)
        FairShare.objects.filter(pk=row.pk).update(virtual_time=F("virtual_time") + 1)


def register() -> None:
    """Make the chores known to this process."""
    from apps.core.jobs import kinds

    for name in ENTRIES:
        kinds.register(kinds.Kind(name, name.title()))
        runners.register(Runner(name, prepare=_prepare, memory_mb=512))
    kinds.register(kinds.Kind("counted", "Counted", on_finish=_tally))
    runners.register(Runner("counted", prepare=_prepare, memory_mb=512))
    kinds.register(kinds.Kind("noop", "No-op"))
    runners.register(Runner("noop", inline=_ping))


def main() -> None:
    """Be a worker."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from apps.core.jobs import kinds

    kinds._kinds.clear()
    register()
    from django.core.management import call_command

    call_command("worker", *sys.argv[1:])


if __name__ == "__main__":
    main()
