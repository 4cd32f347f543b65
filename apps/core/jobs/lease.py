"""Holding a job: claim it, keep it, hear what is asked of it, write down what it says.

Whoever holds `(job_id, attempt)` of a running job may write; everybody else is fenced: the statement finds no row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from apps.core.jobs import kinds, turns
from apps.core.jobs.checkpoints import checkpoint_reference
from apps.core.jobs.events import said_entries, status_change, write
from apps.core.jobs.hooks import tell_beats, tell_reports, tell_status
from apps.core.jobs.reports import Checkpoint, Progress, Said
from apps.core.jobs.turns import OPEN
from apps.core.models import Job, JobAttempt, JobStatus
from apps.core.sql import in_seconds, insert, now_value, update_returning


class Fenced(Exception):
    """Somebody else owns this job now, or nobody: what this worker knows about it no longer counts."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a held job."""

    fenced: bool = False
    cancel: bool = False
    pause: bool = False
    stop_early: bool = False
    overdue: bool = False

    def __bool__(self) -> bool:
        return self.fenced or self.cancel or self.pause or self.stop_early or self.overdue


_EMPTY = ("error_code", "error_message", "stack_trace")
_SET = """
    status = 'running', attempt = attempt + 1, worker = %s, lease_expires_at = {lease}, available_at = NULL,
    started_at = COALESCE(started_at, {now}), progress = checkpoint_progress, progress_note = '', last_seq = last_seq + 1,
    cancel_requested_at = NULL, pause_requested_at = NULL, stop_early_requested_at = NULL
"""
_WITHOUT = "/* but of these kinds */"
"""Where a claim leaves kinds out; mostly it leaves out none, and the statement is the same every time."""
_ORDER = f"{_WITHOUT} ORDER BY fair_tag, job_id LIMIT %s"
_CHOSEN = f"UPDATE core_job SET {_SET} WHERE +status = 'queued' AND job_id IN ({{chosen}}) RETURNING *"  # noqa: S608

# The status stands in the statement as a literal, so that both planners see the partial index core_job_claim; SQLite is
# told to use it, since without statistics it may take another, and by the plus sign not to look for the rows to update
# among all that are queued. The common table expression is materialised so that
# PostgreSQL picks once.
_TIME = {
    "sqlite": {
        "lease": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+' || %s || ' seconds')",
        "now": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
    },
    "postgresql": {"lease": "STATEMENT_TIMESTAMP() + %s * INTERVAL '1 second'", "now": "STATEMENT_TIMESTAMP()"},
}
_CLAIM = {
    "sqlite": f"""
        UPDATE core_job SET {_SET}
        WHERE +status = 'queued' AND job_id IN (
            SELECT job_id FROM core_job INDEXED BY core_job_claim
            WHERE status = 'queued' AND queue = %s AND {OPEN} {_ORDER})
        RETURNING *
    """.format(**_TIME["sqlite"]),  # noqa: S608 - constants only
    "postgresql": f"""
        WITH picked AS MATERIALIZED (
            SELECT job_id AS picked_id FROM core_job
            WHERE status = 'queued' AND queue = %s AND {OPEN} {_ORDER} FOR UPDATE SKIP LOCKED)
        UPDATE core_job SET {_SET}
        FROM picked WHERE job_id = picked_id AND status = 'queued'
        RETURNING core_job.*
    """.format(**_TIME["postgresql"]),  # noqa: S608
}


def claim(
    *,
    queue: str,
    worker: str,
    host: str,
    lease_seconds: float,
    limit: int = 1,
    without: Collection[str] = (),
    per_host: Mapping[str, int] | None = None,
) -> list[Job]:
    """Take up to `limit` jobs of a queue, best first, each with its lease, its `JobAttempt` and its event.

    Users take turns by `fair_tag`; within a user's turn the most urgent job runs (`apps.core.jobs.turns`).
    Jobs of the kinds in `without` are passed over: this worker cannot start them now. `per_host` bounds how many jobs
    of a kind run on `host` at once; with it jobs are taken one at a time. A paused queue gives none.
    """
    passed = sorted(without)
    work, ordered = _look(queue, passed) if limit >= 1 else (False, False)
    if not work:
        return []
    with transaction.atomic():
        if per_host:
            passed, limit = sorted({*passed, *_full(host, per_host)}), 1
        if ordered:
            chosen = turns.give(queue=queue, limit=limit, without=passed)
            jobs = _claim_chosen(chosen, worker, lease_seconds)
        else:
            jobs = _claim_rows(queue, worker, lease_seconds, limit, passed)
        _open_attempts(jobs, worker, host)
        change = status_change(JobStatus.QUEUED, JobStatus.RUNNING)
        write([(job, change) for job in jobs])
        tell_status(jobs, JobStatus.QUEUED)
    return jobs


def _look(queue: str, without: Sequence[str]) -> tuple[bool, bool]:
    """Whether a queue has work, and whether anybody's jobs there have an order of their own.

    A read, so that looking at an empty queue takes no lock. The order is one that only the partial index has:
    PostgreSQL would otherwise expect to meet such a job early in any scan, and there is mostly none.
    """
    sqlite = connection.vendor == "sqlite"
    claim_index = " INDEXED BY core_job_claim" if sqlite else ""
    order_index = " INDEXED BY core_job_out_of_turn" if sqlite else ""
    waiting = f"WHERE status = 'queued' AND queue = %s {turns.but_for(without)}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM core_job{claim_index} {waiting}), "  # noqa: S608
            f"(SELECT 1 FROM core_job{order_index} {waiting} AND {turns.OUT_OF_TURN} ORDER BY turn LIMIT 1)",
            [queue, *without, queue, *without],
        )
        work, ordered = cursor.fetchone()
    return bool(work), bool(ordered)


def _claim_rows(queue: str, worker: str, lease_seconds: float, limit: int, without: Sequence[str]) -> list[Job]:
    pick: list[Any] = [queue, queue, *without, limit]
    hold = _hold(worker, lease_seconds)
    parameters = [*pick, *hold] if connection.vendor == "postgresql" else [*hold, *pick]
    sql = _CLAIM[connection.vendor].replace(_WITHOUT, turns.but_for(without))
    return _in_order(Job.objects.raw(sql, parameters))


def _claim_chosen(chosen: Sequence[str], worker: str, lease_seconds: float) -> list[Job]:
    """Claim these, which `turns.give` holds for this transaction."""
    if not chosen:
        return []
    sql = _CHOSEN.format(chosen=", ".join(["%s"] * len(chosen)), **_TIME[connection.vendor])
    if connection.vendor == "postgresql":
        sql = sql.replace("+status", "status")
    return _in_order(Job.objects.raw(sql, [*_hold(worker, lease_seconds), *chosen]))


def _hold(worker: str, lease_seconds: float) -> list[Any]:
    return [worker, lease_seconds if connection.vendor == "postgresql" else f"{lease_seconds:.3f}"]


def _in_order(rows: Iterable[Job]) -> list[Job]:
    return sorted(rows, key=lambda job: (job.fair_tag, job.pk))


def _open_attempts(jobs: Sequence[Job], worker: str, host: str) -> None:
    columns = ("job_id", "number", "worker", "host", "outcome", "started_at", *_EMPTY)
    rows = [(job.pk, job.attempt, worker, host, JobStatus.RUNNING.value) for job in jobs]
    insert("core_jobattempt", columns, rows, values=["%s"] * 5 + [now_value()] + ["''"] * len(_EMPTY))


def _full(host: str, limits: Mapping[str, int]) -> list[str]:
    """The kinds of which this host runs as many as it may; workers of one host count one after the other."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"terrarium:host:{host}"])
    running = JobAttempt.objects.filter(
        host=host,
        job__status=JobStatus.RUNNING,
        job__kind__in=limits,
        number=F("job__attempt"),
        outcome=JobStatus.RUNNING,
    )
    counts = dict(running.order_by().values_list("job__kind").annotate(Count("pk")))
    return [kind for kind, limit in limits.items() if counts.get(kind, 0) >= limit]


def ask(held: Mapping[str, int]) -> dict[str, Asked]:
    """What is asked of each held job `{job_id: attempt}`: one query, however many."""
    if not held:
        return {}
    overdue = ExpressionWrapper(Q(deadline_at__isnull=False, deadline_at__lte=Now()), output_field=BooleanField())
    rows = Job.objects.filter(pk__in=list(held), status=JobStatus.RUNNING).annotate(overdue=overdue)
    found = {
        job_id: Asked(
            cancel=cancel is not None, pause=pause is not None, stop_early=early is not None, overdue=bool(late)
        )
        for job_id, attempt, cancel, pause, early, late in rows.values_list(
            "job_id", "attempt", "cancel_requested_at", "pause_requested_at", "stop_early_requested_at", "overdue"
        )
        if attempt == held[job_id]
    }
    return {job_id: found.get(job_id, Asked(fenced=True)) for job_id in held}


def renew(held: Mapping[str, int], *, lease_seconds: float) -> int:
    """Extend the lease of every held job in one statement. Returns how many are still ours."""
    if not held:
        return 0
    ours = Q()
    for job_id, attempt in held.items():
        ours |= Q(pk=job_id, attempt=attempt)
    return Job.objects.filter(ours, status=JobStatus.RUNNING).update(lease_expires_at=in_seconds(lease_seconds))


def beat(beats: Sequence[kinds.Beat], *, lease_seconds: float) -> int:
    """A heartbeat for all that a worker runs: leases extended, usage so far noted, budgets asked. Returns how many are ours.

    What an execution used is noted so that one that is lost has been counted up to its last heartbeat.
    """
    with transaction.atomic():
        ours = renew({one.job_id: one.attempt for one in beats}, lease_seconds=lease_seconds)
        _note_usage(beats)
        tell_beats(beats)
    return ours


def _note_usage(beats: Sequence[kinds.Beat]) -> None:
    if not beats:
        return
    number = "::double precision" if connection.vendor == "postgresql" else ""
    used = " UNION ALL ".join(
        [f"SELECT %s AS id, %s AS n, %s{number} AS cpu, %s{number} AS mb, %s{number} AS gpu"] * len(beats)
    )
    parameters: list[Any] = []
    for one in beats:
        usage = one.usage
        parameters += [one.job_id, one.attempt, usage.cpu_seconds, usage.peak_memory_mb, usage.gpu_memory_mb]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE core_jobattempt SET cpu_seconds = used.cpu, peak_memory_mb = used.mb, gpu_memory_mb = used.gpu
            FROM ({used}) AS used WHERE job_id = used.id AND number = used.n AND outcome = 'running'
            """,  # noqa: S608 - constants only
            parameters,
        )


def speak(job_id: str, attempt: int, said: Sequence[Said]) -> None:
    """Write what a held job said: its events in order, its progress, its checkpoint; tell who wants to hear of it.

    `Fenced` when it is no longer ours.
    """
    if not said:
        return
    with transaction.atomic():
        reference, trouble = checkpoint_reference(said)
        said = [*said, *trouble]
        entries, columns = said_entries(said), {**said_columns(said, attempt), **reference}
        ours = Job.objects.filter(pk=job_id, attempt=attempt, status=JobStatus.RUNNING)
        rows = update_returning(ours, last_seq=F("last_seq") + len(entries), **columns)
        if not rows:
            raise Fenced(job_id)
        write([(rows[0], entry) for entry in entries])
        tell_reports(rows[0], [one.report for one in said])


def said_columns(said: Sequence[Said], attempt: int) -> dict[str, Any]:
    """What a job said that its row keeps: the latest progress, and the latest checkpoint.

    Kills and failures count from the checkpoint on, and so does the time: `checkpoint_seconds` is the running time behind
    it, that of earlier executions up to theirs included.
    """
    columns: dict[str, Any] = {}
    for report, at in said:
        if isinstance(report, Progress):
            columns |= {"progress": report.fraction, "progress_note": report.note}
        elif isinstance(report, Checkpoint):
            columns |= {
                "checkpoint": report.stored(),
                "checkpoint_at": at,
                "checkpoint_attempt": attempt,
                "checkpoint_seconds": report.seconds,
                "kills": 0,
            }
            if report.fraction is not None:
                columns |= {"checkpoint_progress": report.fraction, "progress": report.fraction}
    return columns


def note_last_words(job: Job, said: Sequence[Said]) -> None:
    """Keep on the row of a job that has just completed what it said last."""
    columns = said_columns(said, job.attempt)
    if columns:
        Job.objects.filter(pk=job.pk).update(**{**columns, "progress": 1.0})
