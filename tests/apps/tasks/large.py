"""Limits that are small, and workers that are killed at a chosen step, for the tests of large imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.core import sql
from apps.core.models import Job, JobStatus
from apps.tasks.models import ArcTask
from apps.tasks.services import imports, writing
from tests.apps.tasks.uploading import preview, run_jobs, send
from tests.engines.intake.files import task


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as large is small here, and a transaction holds few tasks."""
    monkeypatch.setattr(imports, "READ_AT_ONCE", 20_000)
    monkeypatch.setattr(imports, "WRITE_AT_ONCE", 40)
    monkeypatch.setattr(writing, "AT_ONCE", 10)
    monkeypatch.setattr(writing, "_AHEAD", 20)
    monkeypatch.setattr(writing, "_TRANSACTION_SECONDS", 0.0)
    monkeypatch.setattr(writing, "_PAUSE_SECONDS", 0.0)


def many(count: int, prefix: str = "t") -> dict[str, Any]:
    """So many different tasks."""
    return {f"{prefix}{n:05d}": task([[n % 10, n // 10 % 10]], [[n // 100 % 10]]) for n in range(count)}


class Steps:
    """Looks at the collection after every transaction that writes new tasks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, then: Callable[[int], None] | None = None) -> None:
        self.sizes: list[int] = []
        self.seen: list[int] = []
        inner, prepare = sql.execute, writing._prepared
        waiting: list[int] = []

        def prepared(decisions: Any, arrival: int | None) -> Any:
            waiting.append(len(decisions))
            return prepare(decisions, arrival)

        def execute(statements: Any) -> None:
            inner(statements)
            self.sizes.append(waiting.pop(0))
            self.seen.append(ArcTask.objects.count())
            if then is not None:
                then(len(self.sizes))

        monkeypatch.setattr(writing, "_prepared", prepared)
        monkeypatch.setattr("apps.tasks.services.writing.execute", execute)


def confirmed(client: Client, count: int = 200) -> Job:
    """The job that writes so many tasks, waiting."""
    found = preview(client, {"all.json": many(count)})
    run_jobs()
    assert send(client, f"/imports/{found['import_id']}/confirm", {}).status_code == 202
    return Job.objects.get(kind="import_write", status=JobStatus.QUEUED)


class Killed(BaseException):
    """As if the process were gone."""


def killed_at(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The worker is killed after so many transactions: what it wrote stays, nothing else happens."""

    def die(step: int) -> None:
        if step == at:
            raise Killed

    Steps(monkeypatch, die)
    monkeypatch.setattr(writing, "import_hide", lambda **_: None)
