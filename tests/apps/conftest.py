"""For the tests of all apps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import SyncToAsync
from django.db import connections


@pytest.fixture(scope="session", autouse=True)
def _close_what_asynchronous_tests_opened(django_db_setup: None) -> Iterator[None]:
    """Their statements run in a thread that outlives them, and a database somebody is connected to cannot be removed."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
