"""How far runs are, and what keeps those back of which no cell runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.core.models import Job, JobStatus, QueueState, Worker
from apps.core.words import plural
from apps.experiments.documents import Totals
from apps.experiments.kind import KIND, QUEUE
from apps.experiments.models import ExperimentRun, ExperimentStatus, Solve, SolveStatus
from apps.experiments.queries.figures import done, ended

RATE_WINDOW = timedelta(seconds=60)
WORKER_SEEN = timedelta(seconds=60)


@dataclass(frozen=True)
class Preparation:
    """How far workers are in getting the solver ready: so many steps of so many; `total` is 0 where nobody knows."""

    done: int = 0
    total: int = 0
    note: str = ""


@dataclass(frozen=True)
class Waiting:
    """Why no cell of a run under way is worked on: its jobs' turn has not come, or nobody can take them now."""

    ahead: int = 0
    ahead_noun: str = "cell"
    preparation: Preparation | None = None
    queue_paused: bool = False
    no_worker: bool = False

    @property
    def state(self) -> str:
        """The word for it: `preparing` when only the solver is missing, else `queued`."""
        return "preparing" if self.preparation and not self.queue_paused else "queued"

    @property
    def words(self) -> str:
        """What it waits for, in a few words."""
        if self.queue_paused:
            return f"the queue {QUEUE} is paused"
        if self.no_worker:
            return "no worker is up"
        if self.preparation:
            return "the solver"
        return f"{plural(self.ahead, self.ahead_noun)} ahead" if self.ahead else "next in the queue"


@dataclass(frozen=True)
class Progress:
    """How far a run is: cells done, cancelled, running and in all; cells a second of late; seconds to go where known."""

    total: int
    done: int
    cancelled: int
    running: int
    rate: float
    eta_seconds: float | None
    waiting_for: Waiting | None = None

    @property
    def ended(self) -> int:
        """Cells to which nothing more happens."""
        return self.done + self.cancelled

    @property
    def waiting(self) -> int:
        """Cells nobody works on yet."""
        return self.total - self.ended - self.running

    @property
    def settled(self) -> bool:
        """Whether every cell has ended."""
        return self.ended >= self.total

    @property
    def fraction(self) -> float:
        """Share done, 0..1."""
        return self.done / self.total if self.total else 0.0


def progress_settled(totals: Totals) -> Progress:
    """The progress of a run all of whose cells have ended, from the figures it keeps."""
    return Progress(
        total=totals.cells, done=totals.done, cancelled=totals.cancelled, running=0, rate=0.0, eta_seconds=None
    )


_lately = Q(finished_at__gte=Now() - RATE_WINDOW, finished_at__lte=Now())
_COUNTS: dict[str, Any] = {
    "total": Count("pk"),
    "done": Count("pk", filter=done),
    "cancelled": Count("pk", filter=Q(status=SolveStatus.CANCELLED)),
    "ended": Count("pk", filter=ended),
    "running": Count("pk", filter=Q(status=SolveStatus.RUNNING)),
    "late": Count("pk", filter=done & _lately),
}
_NOTHING = {"total": 0, "done": 0, "cancelled": 0, "ended": 0, "running": 0, "late": 0}


def progress_of(runs: Sequence[ExperimentRun]) -> dict[str, Progress]:
    """The progress of several runs by id: one statement, and a few more while some of them wait."""
    counted = _counted([run.run_id for run in runs])
    stuck = [run.run_id for run in runs if _stands_still(run, counted[run.run_id])]
    waits = _waits(stuck) if stuck else {}
    return {run.run_id: _progress(run, counted[run.run_id], waits.get(run.run_id)) for run in runs}


def _stands_still(run: ExperimentRun, counts: Mapping[str, Any]) -> bool:
    """Whether nobody works on a run under way; between two of its cells there may be a moment without any."""
    under_way = run.status == ExperimentStatus.IN_PROGRESS and counts["ended"] < counts["total"]
    return under_way and counts["running"] == 0 and counts["late"] == 0


def _counted(run_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    cells: Any = Solve.objects.filter(run_id__in=run_ids).values("run_id").annotate(**_COUNTS).order_by("run_id")
    found: dict[str, dict[str, Any]] = {row["run_id"]: row for row in cells}
    return {run_id: found.get(run_id, _NOTHING) for run_id in run_ids}


def _progress(run: ExperimentRun, counts: Mapping[str, Any], waiting: Waiting | None) -> Progress:
    age = (timezone.now() - run.started_at).total_seconds()
    rate = counts["late"] / min(RATE_WINDOW.total_seconds(), max(1.0, age))
    if run.status != ExperimentStatus.IN_PROGRESS:
        rate = 0.0
    left = counts["total"] - counts["ended"]
    return Progress(
        total=counts["total"],
        done=counts["done"],
        cancelled=counts["cancelled"],
        running=counts["running"],
        rate=rate,
        eta_seconds=left / rate if rate and left else None,
        waiting_for=waiting,
    )


def _waits(run_ids: Sequence[str]) -> dict[str, Waiting]:
    """What runs wait for of which no cell runs."""
    workers = _workers()
    paused = QueueState.objects.filter(queue=QUEUE, paused_at__isnull=False).exists()
    preparation = _preparation(workers)
    ahead = _ahead(run_ids)
    return {
        run_id: Waiting(
            *ahead.get(run_id, (0, "cell")), preparation=preparation, queue_paused=paused, no_worker=not workers
        )
        for run_id in run_ids
    }


def _ahead(run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """How many jobs of the queue have their turn before the first of each run, and what they are."""
    queued = Job.objects.filter(queue=QUEUE, status=JobStatus.QUEUED)
    first = dict(queued.filter(topic__in=run_ids).order_by().values_list("topic").annotate(first=Min("fair_tag")))
    if not first:
        return {}
    counts: dict[str, Any] = {}
    for number, run_id in enumerate(first):
        before = Q(fair_tag__lt=first[run_id])
        counts[f"all_{number}"] = Count("pk", filter=before)
        counts[f"own_{number}"] = Count("pk", filter=before & Q(kind=KIND))
    found = queued.filter(fair_tag__lt=max(first.values())).aggregate(**counts)
    return {
        run_id: (found[f"all_{number}"], "cell" if found[f"all_{number}"] == found[f"own_{number}"] else "job")
        for number, run_id in enumerate(first)
    }


def _workers() -> list[Worker]:
    """The workers now alive that solve."""
    alive = Worker.objects.filter(last_seen_at__gte=timezone.now() - WORKER_SEEN)
    return [worker for worker in alive if worker.slots.get(QUEUE)]


def slots() -> int:
    """How many cells the workers now alive can work on at once."""
    return sum(worker.slots[QUEUE] for worker in _workers())


def preparation() -> Preparation | None:
    """How far the solver is in getting ready where no worker has it ready; null where one has, or none is up."""
    return _preparation(_workers())


def _preparation(workers: Sequence[Worker]) -> Preparation | None:
    states = [worker.warming.get(KIND) for worker in workers]
    if not states or None in states:
        return None
    best = max(states, key=lambda state: state.get("done", 0) / max(1, state.get("total", 0)))
    return Preparation(int(best.get("done", 0)), int(best.get("total", 0)), str(best.get("note", "")))
