"""For the tests of all apps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import SyncToAsync
from django.db import connections
from django.test.utils import CaptureQueriesContext

_OF_OTHERS = ("pg_stat_clear_snapshot", "pg_stat_activity")


@pytest.fixture(autouse=True)
def _count_what_the_code_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log's end takes two statements more on PostgreSQL while anybody else in the cluster writes."""
    every = vars(CaptureQueriesContext)["captured_queries"].fget

    def own(context: CaptureQueriesContext) -> list[dict[str, str]]:
        return [query for query in every(context) if not any(name in query["sql"] for name in _OF_OTHERS)]

    monkeypatch.setattr(CaptureQueriesContext, "captured_queries", property(own))


@pytest.fixture(scope="session", autouse=True)
def _close_what_asynchronous_tests_opened(django_db_setup: None) -> Iterator[None]:
    """Their statements run in a thread that outlives them, and a database somebody is connected to cannot be removed."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
