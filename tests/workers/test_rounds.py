"""The rounds of a worker hold each other up in nothing, and what it does itself tells a lost database from a failure."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError

from apps.core.jobs import sweep, upkeep
from apps.core.models import Job
from apps.core.serving import keeping
from tests.patience import PATIENCE
from tests.workers.fleet import until
from workers import orphans, supervisor, sweeper
from workers.sweeper import Sweeper


def test_a_long_pass_of_retention_stops_neither_leases_nor_promotions(monkeypatch: pytest.MonkeyPatch) -> None:
    done: dict[str, int] = {}
    stuck, let_go = threading.Event(), threading.Event()

    def count(name: str, result: int = 0) -> Any:
        def act(*args: Any, **options: Any) -> int:
            done[name] = done.get(name, 0) + 1
            return result

        return act

    def forget(**options: Any) -> dict[str, int]:
        stuck.set()
        let_go.wait(PATIENCE)
        return {}

    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(sweeper, "RETENTION_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(sweeper, "RETENTION_SECONDS", 0.0)
    for name in ("expire_leases", "promote_due", "pass_deadlines", "ring_waiting", "forget_workers"):
        monkeypatch.setattr(sweep, name, count(name))
    monkeypatch.setattr(keeping, "expire_services", count("services"))
    monkeypatch.setattr(sweep, "forget_old", forget)
    monkeypatch.setattr(upkeep, "look_after_all", dict)
    monkeypatch.setattr(orphans, "kill_orphans", lambda: 0)
    monkeypatch.setattr(sweeper, "artefacts_collect", lambda stop: None)
    rounds = Sweeper(lease_seconds=15, queues=["cpu"])
    rounds.start()
    try:
        assert stuck.wait(PATIENCE)
        before = dict(done)
        until(lambda: all(done.get(name, 0) > before.get(name, 0) + 3 for name in ("expire_leases", "promote_due")))
    finally:
        rounds.stop()
        let_go.set()


def test_many_that_are_due_are_queued_in_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [sweep.BATCH, sweep.BATCH, 3]
    monkeypatch.setattr(sweep, "promote_due", lambda: found.pop(0))
    monkeypatch.setattr(sweep, "pass_deadlines", lambda: 0)
    Sweeper(lease_seconds=15, queues=["cpu"]).wake()
    assert found == []


def test_inline_work_that_loses_the_database_is_lost_and_what_raises_has_failed() -> None:
    def away(job: Job) -> dict[str, Any]:
        raise OperationalError("the server closed the connection")

    def wrong(job: Job) -> dict[str, Any]:
        raise ValueError("no such colour")

    lost, failed = supervisor._inline(away, Job()), supervisor._inline(wrong, Job())
    assert (lost.outcome, lost.error_code) == ("lost", "database")
    assert (failed.outcome, failed.error_code) == ("failed", "ValueError")
