"""What must hold of jobs and of their log when the dust has settled, whatever the work was. Reads the database only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from apps.carbon.models import ResourceUsage
from apps.core.models import Job, JobAttempt, JobEvent, JobStatus
from tests.chaos.follower import Follower

FORGIVEN = ("quarantined", "worker_lost", "killed", "fork_server", "database")
"""What may end a job that was hit again and again: it is given up after a few tries, and says why."""

Results = list[tuple[str, dict[str, Any]]]
"""What the `result` events of a job say, in order, each with the status the job had then."""
ResultCheck = Callable[[Job, Results], str]
"""What is wrong with the results of a job; empty when they are as they should be."""


def complaints(job_ids: Sequence[str], seen: Sequence[tuple[str, int]], check: ResultCheck) -> list[str]:
    """Everything that is wrong; an empty list is what we want."""
    jobs = {job.pk: job for job in Job.objects.filter(pk__in=job_ids)}
    found = [f"{len(job_ids) - len(jobs)} jobs have vanished"] if len(jobs) != len(job_ids) else []
    found += [f"{job.pk} is stuck: {job.status}" for job in jobs.values() if not job.is_terminal]
    for job in jobs.values():
        if job.is_terminal and job.status != JobStatus.COMPLETED and job.error_code not in FORGIVEN:
            found.append(f"{job.pk} ended as {job.status}: {job.error_code} {job.error_message}")
    return [*found, *_executions(jobs), *_ledger(jobs), *_log(jobs, check), *_stream(jobs, seen)]


def _executions(jobs: dict[str, Job]) -> list[str]:
    """Executions are numbered without a gap and closed; only the last can have completed."""
    found = []
    by_job: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for pk, number, outcome in JobAttempt.objects.order_by("number").values_list("job_id", "number", "outcome"):
        by_job[pk].append((number, outcome))
    for pk, job in jobs.items():
        numbers = [number for number, _ in by_job[pk]]
        outcomes = [outcome for _, outcome in by_job[pk]]
        if numbers != list(range(1, job.attempt + 1)):
            found.append(f"{pk} was started {job.attempt} times but has executions {numbers}")
        if "running" in outcomes:
            found.append(f"{pk} has an execution that never ended: {outcomes}")
        if outcomes.count("completed") != (job.status == JobStatus.COMPLETED) or "completed" in outcomes[:-1]:
            found.append(f"{pk} is {job.status} with executions {outcomes}")
    return found


def _ledger(jobs: dict[str, Job]) -> list[str]:
    """Every execution that ended is booked once, with what it used."""
    ended = {
        (pk, number): (cpu, wall)
        for pk, number, cpu, wall in JobAttempt.objects.exclude(outcome="running").values_list(
            "job_id", "number", "cpu_seconds", "wall_seconds"
        )
        if pk in jobs
    }
    rows = ResourceUsage.objects.values_list("job_id", "attempt", "cpu_seconds", "wall_seconds")
    booked = [((str(pk), number), (cpu, wall)) for pk, number, cpu, wall in rows if pk in jobs]
    found = [f"{key} was booked {count} times" for key, count in Counter(key for key, _ in booked).items() if count > 1]
    found += [f"{key} ended and was not booked" for key in sorted(ended.keys() - dict(booked).keys())]
    found += [f"{key} was booked and did not end" for key in sorted(dict(booked).keys() - ended.keys())]
    found += [
        f"{key} used {ended[key]} and is booked with {used}"
        for key, used in booked
        if key in ended and used != ended[key]
    ]
    return found


def _log(jobs: dict[str, Job], check: ResultCheck) -> list[str]:
    """Events are numbered without a gap and tell one coherent life, with the results it should have."""
    found = []
    lives: dict[str, list[tuple[int, str, dict[str, Any]]]] = defaultdict(list)
    rows = JobEvent.objects.filter(job__isnull=False).order_by("job_id", "seq")
    for pk, seq, kind, payload in rows.values_list("job_id", "seq", "type", "payload"):
        lives[str(pk)].append((seq, kind, payload))
    for pk, job in jobs.items():
        if [seq for seq, _, _ in lives[pk]] != list(range(1, job.last_seq + 1)):
            found.append(f"the log of {pk} has gaps or doubles")
        status = ""
        results: Results = []
        for _, kind, payload in lives[pk]:
            if kind == "status_change":
                if payload["old_status"] != status:
                    found.append(f"{pk} went from {status} but says from {payload['old_status']}")
                status = str(payload["new_status"])
            elif kind in ("result", "cell"):
                results.append((status, payload))
            elif status != "running":
                found.append(f"{pk} spoke while {status}: a stale write")
        if status != job.status:
            found.append(f"{pk} is {job.status}, its log says {status}")
        wrong = check(job, results)
        if wrong:
            found.append(f"{pk} is {job.status} with results {str(results)[:400]}: {wrong}")
    return found


def _stream(jobs: dict[str, Job], seen: Sequence[tuple[str, int]]) -> list[str]:
    """The client saw every event of every job once, and those of a job in order."""
    mine = [(pk, seq) for pk, seq in seen if pk in jobs]
    found = [f"the client saw {event} {count} times" for event, count in Counter(mine).items() if count > 1]
    wanted = {(pk, seq) for pk, job in jobs.items() for seq in range(1, job.last_seq + 1)}
    missed = wanted - set(mine)
    if missed:
        found.append(f"the client missed {len(missed)} of {len(wanted)} events, {sorted(missed)[:3]} for instance")
    last: dict[str, int] = defaultdict(int)
    for pk, seq in mine:
        if seq <= last[pk]:
            found.append(f"the client saw {pk} {seq} after {last[pk]}")
        last[pk] = seq
    return found


def stream_complaints(follower: Follower, *, topic: str = "") -> list[str]:
    """A client's whole stream, of one topic or of all, against the log: every event once, in the log's order."""
    rows = JobEvent.objects.filter(topic=topic) if topic else JobEvent.objects.all()
    logged = [f"{xid}-{number}" for xid, number in rows.order_by("xid", "id").values_list("xid", "id")]
    name = f"the client of {topic}" if topic else "the client of everything"
    found = [f"{name} was told to start over {follower.resets} times"] if follower.resets else []
    if follower.cursors != logged:
        doubled = sum(count - 1 for count in Counter(follower.cursors).values())
        missed = len(set(logged) - set(follower.cursors))
        found.append(f"{name} saw {len(follower.cursors)} events of {len(logged)}: {missed} missed, {doubled} doubled")
    return found
