"""For the tests of all apps."""

from __future__ import annotations

import pytest
from django.test.utils import CaptureQueriesContext

_OF_OTHERS = ("pg_stat_clear_snapshot", "pg_stat_activity")


@pytest.fixture(autouse=True)
def _count_what_the_code_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log's end takes two statements more on PostgreSQL while anybody else in the cluster writes."""
    every = vars(CaptureQueriesContext)["captured_queries"].fget

    def own(context: CaptureQueriesContext) -> list[dict[str, str]]:
        return [query for query in every(context) if not any(name in query["sql"] for name in _OF_OTHERS)]

    monkeypatch.setattr(CaptureQueriesContext, "captured_queries", property(own))
