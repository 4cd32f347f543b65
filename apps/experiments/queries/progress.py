"""How far runs are, and what keeps those back of which no cell runs."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Min, Q
from django.utils import timezone

from apps.core.models import Job, JobStatus, QueueState, Worker
from apps.core.words import plural
from apps.experiments.documents import RunResults, Totals
from apps.experiments.kind import KIND, QUEUE
from apps.experiments.models import ExperimentRun, ExperimentStatus, SolveStatus
from apps.experiments.queries.figures import DONE, LATELY_SECONDS, Sums, results_computed, results_stored, sums_of

WORKER_SEEN = timedelta(seconds=60)


@dataclass(frozen=True)
class Preparation:
    """How far workers are in getting the solver ready: so many steps of so many; `total` is 0 where nobody knows."""

    done: int = 0
    total: int = 0
    note: str = ""


@dataclass(frozen=True)
class Waiting:
    """Why no cell of a run under way is worked on: its jobs' turn has not come, nobody can take them now, or all that
    are left, `held` of them, were paused one by one, as a spent budget does it."""

    ahead: int = 0
    ahead_noun: str = "cell"
    preparation: Preparation | None = None
    queue_paused: bool = False
    no_worker: bool = False
    held: int = 0

    @property
    def state(self) -> str:
        """The word for it: `paused`, `preparing` when only the solver is missing, else `queued`."""
        if self.held:
            return "paused"
        return "preparing" if self.preparation and not self.queue_paused else "queued"

    @property
    def words(self) -> str:
        """What it waits for, in a few words."""
        if self.held:
            return f"{plural(self.held, 'cell')} paused, until you resume"
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


class _Counts(NamedTuple):
    total: int
    done: int
    cancelled: int
    running: int
    late: int

    @property
    def ended(self) -> int:
        return self.done + self.cancelled


def _counts(rows: Sequence[Sums]) -> _Counts:
    def cells(statuses: Container[str] | None = None) -> int:
        return sum(row.of("cells", statuses) for row in rows)

    return _Counts(
        total=cells(),
        done=cells(DONE),
        cancelled=cells((SolveStatus.CANCELLED,)),
        running=cells((SolveStatus.RUNNING,)),
        late=sum(row.of("late", DONE) for row in rows),
    )


def progress_of(runs: Sequence[ExperimentRun], sums: Mapping[str, Sequence[Sums]] | None = None) -> dict[str, Progress]:
    """The progress of several runs by id: one statement unless their sums are at hand, a few more while some wait."""
    summed = sums_of(runs) if sums is None else sums
    counted = {run.run_id: _counts(summed[run.run_id]) for run in runs}
    stuck = [run.run_id for run in runs if _stands_still(run, counted[run.run_id])]
    waits = _waits(stuck) if stuck else {}
    return {run.run_id: _progress(run, counted[run.run_id], waits.get(run.run_id)) for run in runs}


def standings_of(runs: Sequence[ExperimentRun]) -> dict[str, tuple[Progress, RunResults]]:
    """How these runs stand, by id: progress and figures, as kept where all cells have ended, else from one look at them."""
    kept = {run.run_id: results_stored(run.metrics) for run in runs}
    moving = [run for run in runs if kept[run.run_id] is None]
    sums = sums_of(moving)
    progress, computed = progress_of(moving, sums), results_computed(moving, sums)
    found = {run_id: (progress_settled(one.totals), one) for run_id, one in kept.items() if one}
    return found | {run.run_id: (progress[run.run_id], computed[run.run_id]) for run in moving}


def _stands_still(run: ExperimentRun, counts: _Counts) -> bool:
    """Whether nobody works on a run under way; between two of its cells there may be a moment without any."""
    under_way = run.status == ExperimentStatus.IN_PROGRESS and counts.ended < counts.total
    return under_way and counts.running == 0 and counts.late == 0


def _progress(run: ExperimentRun, counts: _Counts, waiting: Waiting | None) -> Progress:
    age = (timezone.now() - run.started_at).total_seconds()
    rate = counts.late / min(float(LATELY_SECONDS), max(1.0, age))
    if run.status != ExperimentStatus.IN_PROGRESS:
        rate = 0.0
    left = counts.total - counts.ended
    return Progress(
        total=counts.total,
        done=counts.done,
        cancelled=counts.cancelled,
        running=counts.running,
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
    held = _held([run_id for run_id in run_ids if run_id not in ahead])
    return {
        run_id: Waiting(
            *ahead.get(run_id, (0, "cell")),
            preparation=None if run_id in held else preparation,
            queue_paused=paused,
            no_worker=not workers,
            held=held.get(run_id, 0),
        )
        for run_id in run_ids
    }


def _held(run_ids: Sequence[str]) -> dict[str, int]:
    """How many jobs of these runs are paused while the run itself is not."""
    if not run_ids:
        return {}
    paused = Job.objects.filter(topic__in=run_ids, status=JobStatus.PAUSED)
    return dict(paused.order_by().values_list("topic").annotate(cells=Count("pk")))


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
