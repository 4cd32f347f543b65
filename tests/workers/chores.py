"""Kinds of job and their runners for the tests, and a worker process that knows them.

python -m tests.workers.chores --queues cpu --concurrency 2
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workers import runners
from workers.runners import ChildTask, Runner

if TYPE_CHECKING:
    from apps.core.jobs.kinds import Finished
    from apps.core.models import Job

ENTRIES = (
    "nap",
    "chat",
    "fail",
    "die",
    "leave",
    "burn",
    "hoard",
    "spawn",
    "unwritable",
    "surroundings",
    "count",
    "careless",
    "quitter",
)


def _does(entry: str) -> Callable[[Job], ChildTask]:
    return lambda job: ChildTask(f"tests.workers.entries:{entry}", dict(job.payload))


def _lasts(job: Job) -> ChildTask:
    """It goes on from its last checkpoint."""
    return ChildTask("tests.workers.lasting:work", {**job.payload, "checkpoint": job.checkpoint})


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
    for name in ENTRIES:
        _know(Runner(name, prepare=_does(name), memory_mb=512))
    _know(Runner("counted", prepare=_does("counted"), memory_mb=512), on_finish=_tally)
    _know(Runner("noop", inline=_ping))
    look = _does("surroundings")
    _know(Runner("warmed", prepare=look, warm=("numpy",)))
    _know(Runner("fresh", prepare=look, fresh=True, threads=3))
    _know(Runner("tuned", prepare=look, fresh=True, memory_mb=0, device="gpu"), queue="gpu")
    _know(Runner("lasting", prepare=_lasts, grace_seconds=30))
    _know(Runner("stubborn", prepare=_does("stubborn"), grace_seconds=0.5))
    _know(Runner("hesitant", prepare=_does("hesitant"), grace_seconds=60))
    _know(Runner("alone", prepare=_does("nap"), per_host=1), queue="agents")
    _know(
        Runner("brewed", prepare=_does("nap"), warm=("statistics",), prepare_command=("-m", "tests.workers.brew")),
        queue="agents",
    )


def register_services() -> None:
    """Make the echoes known: services that misbehave as their specification says."""
    from pydantic import BaseModel, ConfigDict

    from apps.core.engine.processes import RestartPolicy
    from apps.core.serving import Berth, Launch, Needs, Probe, ServiceKind, kinds

    class Said(BaseModel):
        """What an echo is told."""

        model_config = ConfigDict(extra="allow")

    def launch(berth: Berth) -> Launch:
        if berth.service.specification.get("mood") == "absent":
            return Launch(["/no/such/program"])
        return Launch([sys.executable, "-m", "tests.workers.echo", json.dumps(berth.service.specification)])

    def know(name: str, **options: Any) -> None:
        probe = Probe(start_seconds=options.pop("start_seconds", 600.0), every_seconds=0.1, failures=2)
        options.setdefault("restarts", RestartPolicy(limit=3, unit_seconds=0.05))
        kinds.register(ServiceKind(name, name.title(), launch, specification=Said, probe=probe, **options))

    know("echo", needs=Needs(threads=1))
    know("idler", idle_seconds=1.5)
    know("bounded", needs=Needs(memory_mb=100))
    know("slow", start_seconds=1.0)
    know("piped", listens="socket")
    know("mute", listens="nothing")
    know("stubborn", grace_seconds=0.3)


def _know(runner: Runner, **options: Any) -> None:
    from apps.core.jobs import kinds

    kinds.register(kinds.Kind(runner.kind, runner.kind.title(), **options))
    runners.register(runner)


def main() -> None:
    """Be a worker."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from apps.core.jobs import kinds

    kinds._kinds.clear()
    register()
    register_services()
    if "CHORES_ONLY_WHEN_RUNG" in os.environ:
        from workers import supervisor, sweeper

        supervisor.POLL_SECONDS = sweeper.RING_SECONDS = 600.0
    from django.core.management import call_command

    call_command("worker", *sys.argv[1:])


if __name__ == "__main__":
    main()
