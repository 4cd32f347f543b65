"""How long a job was away that was hit while it ran: from the blow to the next execution, stage by stage."""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from apps.core.engine.processes import children_of
from apps.core.models import Job, JobAttempt, JobEvent, JobStatus
from tests.chaos.lab import Lab

ALLOWED_SECONDS = 3.0
"""Beyond the lease; the time within which a job runs again."""
_SAMPLE_SECONDS = 0.1
_STEP = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
STAGES = ("lease", "noticed", "queued", "slot", "idle", "process")
_MEANING = {
    "lease": "until the lease ran out",
    "noticed": "until a sweeper (or the worker itself) noticed",
    "queued": "backoff, until it was queued again",
    "slot": "queued, every slot of a healthy worker taken",
    "idle": "queued, though a healthy worker had a free slot",
    "process": "claimed, until its process existed",
}


@dataclass(frozen=True)
class Blow:
    """A harm that hit the jobs of one worker. `leases` says when the lease of each held execution runs out."""

    harm: str
    at: float
    worker: int
    leases: dict[tuple[str, int], float] = field(default_factory=dict)
    until: float = 0.0
    """When the victim was let go on, if it was only stopped."""


@dataclass(frozen=True)
class Return:
    """One execution that was hit, and how long each stage took until the job ran again or was given up."""

    harm: str
    job_id: str
    number: int
    stages: dict[str, float]
    given_up: bool
    helped: bool
    """Whether a healthy worker was there when the lease ran out (or the loss was noticed) and for the time allowed."""

    @property
    def claimed(self) -> float:
        """Seconds from the blow until a worker had the job again (or it was given up)."""
        return sum(seconds for stage, seconds in self.stages.items() if stage != "process")

    @property
    def given_a_slot(self) -> float:
        """The same without the time for which all healthy workers were full."""
        return self.claimed - self.stages.get("slot", 0.0)


def prefix(pid: int) -> str:
    """How the names of a worker process begin."""
    return f"{socket.gethostname()}:{pid}:"


def held_by(pid: int) -> dict[tuple[str, int], float]:
    """The executions a worker holds, each with the end of its lease."""
    rows = Job.objects.filter(status=JobStatus.RUNNING, worker__startswith=prefix(pid))
    return {
        (pk, attempt): lease.timestamp()
        for pk, attempt, lease in rows.values_list("job_id", "attempt", "lease_expires_at")
        if lease is not None
    }


class Births:
    """Watches for the processes of jobs, since the database does not know when one begins."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="births", daemon=True)
        self._known: set[int] = set()
        self.born: dict[int, list[float]] = defaultdict(list)
        """When the processes of jobs began, by the worker they belong to."""

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopping.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stopping.wait(_SAMPLE_SECONDS):
            for worker in [one.pid for one in self._lab.workers if one is not None]:
                for server in children_of(worker):
                    for child in children_of(server):
                        if child not in self._known:
                            self._known.add(child)
                            with contextlib.suppress(OSError, IndexError):
                                self.born[worker].append(_birth(child))

    def first(self, worker: int, since: float, until: float) -> float | None:
        """The first process of a job of this worker in that time."""
        return min((at for at in self.born.get(worker, ()) if since - 0.02 <= at <= until), default=None)


def _birth(pid: int) -> float:
    """When a process began, as the wall clock would have said."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / _TICKS)


@dataclass
class _Run:
    """One execution as the database tells it, in seconds of the wall clock."""

    number: int
    worker: int
    began: float
    ended: float
    outcome: str
    code: str


class Recovery:
    """Puts blows, executions and events together."""

    def __init__(self, lab: Lab, blows: Sequence[Blow], births: Births) -> None:
        self._lab, self._blows, self._births = lab, sorted(blows, key=lambda blow: blow.at), births
        self._runs: dict[str, list[_Run]] = defaultdict(list)
        self._by_worker: dict[int, list[_Run]] = defaultdict(list)
        rows = JobAttempt.objects.order_by("job_id", "number")
        for pk, number, worker, began, ended, outcome, code in rows.values_list(
            "job_id", "number", "worker", "started_at", "ended_at", "outcome", "error_code"
        ):
            run = _Run(number, int(worker.split(":")[1]), began.timestamp(), _seconds(ended), outcome, code)
            self._runs[pk].append(run)
            self._by_worker[run.worker].append(run)
        self._queued: dict[str, list[float]] = defaultdict(list)
        changes = JobEvent.objects.filter(type="status_change", job__isnull=False, payload__new_status="queued")
        for pk, at in changes.order_by("job_id", "seq").values_list("job_id", "at"):
            self._queued[str(pk)].append(at.timestamp())

    def returns(self) -> Iterator[Return]:
        """Every execution that was hit and lost by it, with its way back."""
        for job_id, runs in self._runs.items():
            for run, after in zip(runs, [*runs[1:], None], strict=True):
                blow = self._cause(job_id, run)
                if blow is not None and run.outcome != "completed":
                    yield self._return(job_id, run, after, blow)

    def beside(self) -> int:
        """How many executions were lost without having been hit: they began while what they needed was away."""
        lost = [(pk, run) for pk, runs in self._runs.items() for run in runs if run.outcome == "lost"]
        return sum(self._cause(pk, run) is None for pk, run in lost)

    def launches(self) -> list[float]:
        """Seconds from each claim to the process of the job; long where the worker's fork server was being replaced."""
        found = [
            (run.began, self._births.first(run.worker, run.began, run.ended))
            for runs in self._runs.values()
            for run in runs
        ]
        return sorted(max(0.0, born - began) for began, born in found if born is not None)

    def _cause(self, job_id: str, run: _Run) -> Blow | None:
        """The blow that explains this loss: to the worker for a lease that ran out, just before for anything else."""
        near = [blow for blow in self._blows if blow.worker == run.worker and run.began <= blow.at <= run.ended + 0.05]
        match run.code:
            case "worker_lost":
                near = [blow for blow in near if blow.harm in ("kill worker", "stop worker")]
                return near[0] if near else None
            case "killed":
                near = [blow for blow in near if blow.harm == "kill child"]
            case "fork_server":
                near = [blow for blow in near if blow.harm.endswith("fork server")]
            case _:
                return None
        return near[-1] if near else None

    def _return(self, job_id: str, run: _Run, after: _Run | None, blow: Blow) -> Return:
        lapse = blow.leases.get((job_id, run.number)) if run.code == "worker_lost" else None
        lapsed = min(max(blow.at, lapse or blow.at), run.ended)
        stages = {"lease": lapsed - blow.at, "noticed": run.ended - lapsed}
        helped = all(self._healthy(lapsed + step) for step in _steps(0.0, ALLOWED_SECONDS))
        if after is None:
            return Return(blow.harm, job_id, run.number, stages, True, helped)
        queued = next((at for at in self._queued[job_id] if run.ended - 0.02 <= at <= after.began + 0.02), run.ended)
        idle = sum(_STEP for at in _steps(queued, after.began) if self._free_slot(at))
        idle = min(idle, max(0.0, after.began - queued))
        stages |= {"queued": max(0.0, queued - run.ended), "slot": max(0.0, after.began - queued) - idle, "idle": idle}
        born = self._births.first(after.worker, after.began, after.ended)
        if born is not None:
            stages["process"] = max(0.0, born - after.began)
        return Return(blow.harm, job_id, run.number, stages, False, helped)

    def _healthy(self, at: float) -> list[int]:
        """The workers that are up at that moment: have claimed before, live, are not stopped nor just woken."""
        found = []
        for pid, runs in self._by_worker.items():
            if min(run.began for run in runs) <= at < self._lab.deaths.get(pid, float("inf")) and not any(
                blow.worker == pid and blow.harm == "stop worker" and blow.at <= at < blow.until + self._patience
                for blow in self._blows
            ):
                found.append(pid)
        return found

    @property
    def _patience(self) -> float:
        """For how long a worker that was stopped takes nobody's job: it cannot know who else was."""
        return self._lab.lease / 3 + 1.0

    def _free_slot(self, at: float) -> bool:
        for pid in self._healthy(at):
            if sum(run.began <= at < run.ended for run in self._by_worker[pid]) < self._lab.concurrency:
                return True
        return False


def report(recovery: Recovery, *, lease: float) -> tuple[list[str], int]:
    """The distribution in words, and how many came back late although a healthy worker had a free slot for them."""
    lines: list[str] = []
    everything = list(recovery.returns())
    limit = lease + ALLOWED_SECONDS
    late = 0
    for helped, title in ((True, "a healthy worker was there"), (False, "no healthy worker was there")):
        some = [one for one in everything if one.helped == helped]
        lines.append(f"{len(some)} executions lost while {title}")
        for name, value in (("claimed again", _claimed), ("given a free slot", _given_a_slot)):
            times = sorted(value(one) for one in some)
            if times:
                prompt = sum(one <= limit for one in times)
                lines.append(f"  {name}: {_spread(times)}; {prompt} of {len(times)} within {limit:g} s")
        for stage in STAGES:
            times = sorted(one.stages[stage] for one in some if stage in one.stages)
            if times:
                lines.append(f"    {_MEANING[stage]}: {_spread(times)}")
        for harm in sorted({one.harm for one in some}):
            times = sorted(one.claimed for one in some if one.harm == harm)
            lines.append(f"    after {harm}: {_spread(times)}")
        if helped:
            late = sum(one.given_a_slot > limit for one in some)
    given_up = sum(one.given_up for one in everything)
    if given_up:
        lines.append(f"{given_up} of them were the last: their jobs were given up")
    if beside := recovery.beside():
        lines.append(
            f"{beside} executions were lost beside those: they began while their fork server or database was away"
        )
    if launches := recovery.launches():
        slow = sum(seconds > 0.5 for seconds in launches)
        lines.append(f"from any claim to its process: {_spread(launches)}; {slow} took more than half a second")
    return lines, late


def _claimed(one: Return) -> float:
    return one.claimed


def _given_a_slot(one: Return) -> float:
    return one.given_a_slot


def _spread(times: Sequence[float]) -> str:
    ninth = times[min(len(times) - 1, int(0.9 * len(times)))]
    return f"median {statistics.median(times):.2f} s, 90 % {ninth:.2f} s, at most {times[-1]:.2f} s ({len(times)})"


def _steps(start: float, end: float) -> Iterator[float]:
    for index in range(max(0, round((end - start) / _STEP))):
        yield start + index * _STEP


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else float("inf")
