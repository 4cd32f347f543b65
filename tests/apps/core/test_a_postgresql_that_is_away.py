"""PostgreSQL that does not answer: known soon, told with a time to come back, and used again as soon as it is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client
from psycopg_pool import PoolTimeout

from apps.core.failures import failure_of
from tests.patience import PATIENCE
from tests.services import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab() -> Iterator[Any]:
    """Another connection like the usual one, with a pool of its own that holds one."""
    if connection.vendor != "postgresql":
        pytest.skip("about PostgreSQL")
    from apps.core.databases.postgresql.base import DatabaseWrapper

    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 1, "max_size": 1, "timeout": 0.05}}
    made: Any = DatabaseWrapper({**connection.settings_dict, "OPTIONS": options}, "away")
    yield made
    made.close()
    made.close_pool()


def test_a_server_that_is_away_is_asked_once_and_nobody_waits_for_a_turn(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.settings_dict |= {"HOST": "127.0.0.1", "PORT": str(free_port())}
    asked: list[dict[str, Any]] = []
    usual = psycopg.connect

    def connect(**options: Any) -> Any:
        asked.append(options)
        return usual(**options)

    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(OperationalError) as refused:
        lab.ensure_connection()
    assert not isinstance(refused.value.__cause__, PoolTimeout), "the server's own refusal, not the pool's"
    assert len(asked) == 1
    assert asked[0]["connect_timeout"] == 2
    told = failure_of(refused.value, None)
    assert (told.status, "does not answer" in told.message) == (503, True)
    assert (told.details or {})["retry_after"] > 0


def test_while_it_answers_a_request_waits_for_its_turn(lab: Any) -> None:
    lab.ensure_connection()
    second: Any = type(lab)(lab.settings_dict, "away")
    got: list[object] = []

    def wait() -> None:
        try:
            second.ensure_connection()
            got.append(second.connection)
        finally:
            second.close()

    waiting = threading.Thread(target=wait)
    second.inc_thread_sharing()
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive(), "for longer than a pool that gives up at once"
    lab.close()
    waiting.join(PATIENCE)
    assert len(got) == 1


@pytest.mark.parametrize("path", ["/", "/login/", "/admin/", "/api/docs", "/api/v1/auth/me", "/account/"])
def test_every_door_says_when_to_come_back(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("connection refused: password secret")

    browser = Client(raise_request_exception=False)
    browser.cookies["sessionid"] = "a" * 32
    monkeypatch.setattr(connection, "cursor", away)
    answer = browser.get(path)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "does not answer" in answer.content.decode()
    assert "secret" not in answer.content.decode()
    assert answer.headers["Content-Type"].startswith("application/json") == path.startswith("/api/")
