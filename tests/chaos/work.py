"""What the lab works on while it is hurt: short chores, or real experiments (`tests.chaos.solves`)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from apps.core.models import Job, User
    from tests.chaos.lab import Lab

T = TypeVar("T")


class Work(Protocol):
    """Jobs to be done, and what must hold of their ends."""

    topics: list[str]

    def begin(self) -> None:
        """Give the lab its work."""
        ...

    def more(self) -> None:
        """Give it some more: it is nearly done and the harms are not."""
        ...

    def after(self, lab: Lab, *, patience: float) -> None:
        """What is to be done in peace, when all harm is over and the work has ended."""
        ...

    def job_ids(self) -> list[str]:
        """Every job there should be."""
        ...

    def result_complaint(self, job: Job, results: list[tuple[str, dict[str, Any]]]) -> str:
        """What is wrong with the results in a job's log; empty when nothing is."""
        ...

    def complaints(self) -> list[str]:
        """What is wrong beyond the jobs themselves."""
        ...


def patiently(read: Callable[[], T]) -> T:
    """Read or write while the database may be away."""
    from django.db import InterfaceError, OperationalError, connection

    while True:
        try:
            return read()
        except (OperationalError, InterfaceError):
            connection.close()
            time.sleep(0.2)


class Chores:
    """Jobs that sleep and speak, and count in the database how often their end took effect."""

    worker = ("-m", "tests.workers.chores")

    def __init__(self, *, jobs: int, owner: User, chance: random.Random) -> None:
        from tests.workers import chores

        chores.register()
        self._count, self._owner, self._chance = jobs, owner, chance
        self._ids: list[str] = []
        self.topics = ["chaos"]

    def begin(self) -> None:
        """All of them at once."""
        self._enqueue(self._count)

    def more(self) -> None:
        """A few."""
        self._enqueue(20)

    def _enqueue(self, count: int) -> None:
        from apps.core.jobs import JobSpec, jobs_enqueue

        first, chance = len(self._ids), self._chance
        specs = [
            JobSpec(
                "counted",
                {"n": first + index, "seconds": round(chance.uniform(0.05, 0.5), 3), "steps": chance.randint(1, 4)},
                topic="chaos",
                max_attempts=20,
            )
            for index in range(count)
        ]
        self._ids += [job.pk for job in patiently(lambda: jobs_enqueue(specs=specs, owner=self._owner))]

    def after(self, lab: Lab, *, patience: float) -> None:
        """Nothing: a chore that was given up stays so."""

    def job_ids(self) -> list[str]:
        """Those enqueued."""
        return self._ids

    def result_complaint(self, job: Job, results: list[tuple[str, dict[str, Any]]]) -> str:
        """One result, of the last execution, if it completed."""
        result = {"result": {"n": job.payload["n"], "attempt": job.attempt}}
        wanted = [("running", result)] if job.status == "completed" else []
        return "" if results == wanted else f"wanted {wanted}"

    def complaints(self) -> list[str]:
        """The end of every job took effect once."""
        from apps.core.models import FairShare

        tally = dict(FairShare.objects.filter(queue="tally").values_list("user_key", "virtual_time"))
        return [f"the end of {pk} took effect {tally.get(pk, 0):g} times" for pk in self._ids if tally.get(pk, 0) != 1]
