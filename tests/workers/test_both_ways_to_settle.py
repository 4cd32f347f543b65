"""Completing many at once writes what completing each alone does: the same rows, the same events, the same calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.utils import timezone

from apps.core.jobs import JobSpec, jobs_enqueue, kinds
from apps.core.jobs.lease import claim
from apps.core.jobs.reports import Checkpoint, Log, Progress, Report, Said, Usage
from apps.core.jobs.settle import settle, settle_all
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, JobAttempt, JobEvent, User

pytestmark = pytest.mark.django_db

USED = Usage(1.5, 2.0, 64.0, gpu_memory_mb=8.0, tokens=7, calls={"openai": 2})
WORDS: list[tuple[Report, ...]] = [
    (),
    (Log(message="one"),),
    (Progress(fraction=0.5, note="half"), Log(message="two"), Checkpoint(step=3, fraction=0.9, seconds=4.0)),
]
Settle = Callable[[list[tuple[str, int, Verdict]]], object]


def alone(ended: list[tuple[str, int, Verdict]]) -> None:
    for one in ended:
        settle(*one)


@pytest.mark.parametrize("size", [1, 3])
def test_rows_events_and_calls_are_equal(kind: Any, owner: User, size: int) -> None:
    seen = []
    for way in (alone, settle_all):
        seen.append(_settled(kind, owner, way, size))
        Job.objects.all().delete()
    assert seen[0] == seen[1]
    assert len(seen[0]["events"]) > 3 * size - 1


def _settled(kind: Any, owner: User, way: Settle, size: int) -> dict[str, Any]:
    calls: list[Any] = []

    def on_report(job: Job, said: Sequence[Report]) -> None:
        calls.append(("report", names[job.pk], [one.stored() for one in said]))

    def on_finish(finished: Sequence[kinds.Finished]) -> None:
        calls.extend(("finish", names[one.job.pk], one.outcome, one.result, one.usage) for one in finished)

    names: dict[str, int] = {}
    kind(on_report=on_report, on_finish=on_finish)
    kinds._attempt_hooks[:] = [
        lambda ends: calls.extend(("attempt", names[end.job.pk], end.number, end.outcome, end.usage) for end in ends)
    ]
    jobs_enqueue(specs=[JobSpec("chore")] * size, owner=owner)
    jobs = claim(queue="cpu", worker="w1", host="here", lease_seconds=15, limit=size)
    names.update({job.pk: number for number, job in enumerate(jobs)})
    now = timezone.now()
    way(
        [
            (
                job.pk,
                job.attempt,
                Verdict("completed", USED, {"n": n}, last_words=tuple(Said(r, now) for r in WORDS[n])),
            )
            for n, job in enumerate(jobs)
        ]
    )
    clock = {"created_at", "started_at", "finished_at", "ended_at", "at", "checkpoint_at"}
    own = {"job_id", "id", "xid", "fair_tag"}
    rows: dict[str, Any] = {}
    models: dict[str, Any] = {"jobs": Job, "attempts": JobAttempt, "events": JobEvent}
    for name, model in models.items():
        found = sorted(model.objects.values(), key=lambda row: (names[row["job_id"]], row.get("seq", 0)))
        assert all(
            row[column] is not None for row in found for column in clock & {"finished_at", "ended_at"} & set(row)
        )
        rows[name] = [{k: v for k, v in row.items() if k not in clock | own} for row in found]
    return {**rows, "calls": sorted(calls, key=repr)}
