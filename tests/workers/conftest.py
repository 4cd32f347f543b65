"""Fixtures for the queue: people, and kinds of job that exist for these tests only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.core.jobs import kinds
from apps.core.models import Role, User
from apps.core.serving import Launch, ServiceKind
from apps.core.serving import kinds as serving_kinds


@pytest.fixture
def owner(db: Any) -> User:
    """A researcher with jobs."""
    return User.objects.create_user("owner", role=Role.RESEARCHER)


@pytest.fixture
def other(db: Any) -> User:
    """Another researcher."""
    return User.objects.create_user("other", role=Role.RESEARCHER)


@pytest.fixture
def viewer(db: Any) -> User:
    """Somebody who may look."""
    return User.objects.create_user("viewer", role=Role.VIEWER)


@pytest.fixture
def admin(db: Any) -> User:
    """Somebody who may do everything."""
    return User.objects.create_user("admin", role=Role.ADMIN)


@pytest.fixture
def kind() -> Iterator[Any]:
    """Registers kinds of job for one test: `kind("name", on_finish=...)`."""
    before = dict(kinds._kinds)
    registered: list[list[Any]] = [kinds._attempt_hooks, kinds._beat_hooks, kinds._report_hooks]
    hooks = [(held, list(held)) for held in registered]

    def make(name: str = "chore", **options: Any) -> str:
        kinds.register(kinds.Kind(name, name.title(), **options))
        return name

    yield make
    kinds._kinds.clear()
    kinds._kinds.update(before)
    for held, kept in hooks:
        held[:] = kept


@pytest.fixture(autouse=True)
def silent_broker(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rings are noted instead of sent."""
    rung: list[str] = []

    def note(queue: str) -> bool:
        rung.append(queue)
        return True

    monkeypatch.setattr("apps.core.jobs.doorbell._publish", note)
    monkeypatch.setattr("apps.core.jobs.doorbell.MIN_INTERVAL", -1.0)
    return rung


@pytest.fixture
def service_kind() -> Iterator[Any]:
    """Registers kinds of service for one test: `service_kind("name", idle_seconds=...)`."""
    before = dict(serving_kinds._kinds)

    def make(name: str = "echo", **options: Any) -> str:
        options.setdefault("launch", lambda berth: Launch(["true"]))
        serving_kinds.register(ServiceKind(name, name.title(), **options))
        return name

    yield make
    serving_kinds._kinds.clear()
    serving_kinds._kinds.update(before)
