"""What must hold when the dust has settled. Reads the database only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from apps.core.models import FairShare, Job, JobAttempt, JobEvent, JobStatus


def complaints(job_ids: list[str], seen: Iterable[tuple[str, int]]) -> list[str]:
    """Everything that is wrong; an empty list is what we want."""
    jobs = {job.pk: job for job in Job.objects.filter(pk__in=job_ids)}
    found = [f"{len(job_ids) - len(jobs)} jobs have vanished"] if len(jobs) != len(job_ids) else []
    found += [f"{job.pk} is stuck: {job.status}" for job in jobs.values() if not job.is_terminal]
    for job in jobs.values():
        if job.status != JobStatus.COMPLETED and job.error_code not in (
            "quarantined",
            "worker_lost",
            "killed",
            "fork_server",
        ):
            found.append(f"{job.pk} ended as {job.status}: {job.error_code} {job.error_message}")
    return [*found, *_effects(jobs), *_executions(jobs), *_log(jobs), *_stream(jobs, seen)]


def _effects(jobs: dict[str, Job]) -> list[str]:
    """The end of every job took effect once."""
    tally = dict(FairShare.objects.filter(queue="tally").values_list("user_key", "virtual_time"))
    return [f"the end of {pk} took effect {tally.get(pk, 0):g} times" for pk in jobs if tally.get(pk, 0) != 1]


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


def _log(jobs: dict[str, Job]) -> list[str]:
    """Events are numbered without a gap, tell one coherent life, and hold one result, of the last execution."""
    found = []
    lives: dict[str, list[tuple[int, str, dict[str, object]]]] = defaultdict(list)
    rows = JobEvent.objects.filter(job__isnull=False).order_by("job_id", "seq")
    for pk, seq, kind, payload in rows.values_list("job_id", "seq", "type", "payload"):
        lives[str(pk)].append((seq, kind, payload))
    for pk, job in jobs.items():
        if [seq for seq, _, _ in lives[pk]] != list(range(1, job.last_seq + 1)):
            found.append(f"the log of {pk} has gaps or doubles")
        status = ""
        for _, kind, payload in lives[pk]:
            if kind == "status_change":
                if payload["old_status"] != status:
                    found.append(f"{pk} went from {status} but says from {payload['old_status']}")
                status = str(payload["new_status"])
            elif kind in ("log", "result", "progress") and status != "running":
                found.append(f"{pk} spoke while {status}: a stale write")
        results = [payload["result"] for _, kind, payload in lives[pk] if kind == "result"]
        wanted = [{"n": job.payload["n"], "attempt": job.attempt}] if job.status == JobStatus.COMPLETED else []
        if results != wanted or status != job.status:
            found.append(f"{pk} is {job.status} ({status} in the log) with results {results}, wanted {wanted}")
    return found


def _stream(jobs: dict[str, Job], seen: Iterable[tuple[str, int]]) -> list[str]:
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


def recoveries(kills: list[tuple[float, str]]) -> list[float]:
    """Seconds from the death of a worker (time, its host:pid) to each of its jobs being queued again."""
    found = []
    for at, prefix in kills:
        lost = JobAttempt.objects.filter(worker__startswith=prefix, outcome="lost", error_code="worker_lost")
        for pk, number in lost.values_list("job_id", "number"):
            queued = JobEvent.objects.filter(
                job_id=pk, type="status_change", payload__new_status="queued", payload__old_status="pending"
            ).order_by("seq")
            moments = [event.at.timestamp() for event in queued]
            if len(moments) >= number and moments[number - 1] >= at:
                found.append(moments[number - 1] - at)
    return found
