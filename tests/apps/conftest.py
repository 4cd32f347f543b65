"""For the tests of all apps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import SyncToAsync
from django.contrib.auth.hashers import make_password
from django.db import connections

from apps.core.models import Role, User


@pytest.fixture(scope="session", autouse=True)
def _close_what_asynchronous_tests_opened(django_db_setup: None) -> Iterator[None]:
    """Their statements run in a thread that outlives them, and a database somebody is connected to cannot be removed."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


def person(name: str, role: str) -> User:
    """A member who can sign in."""
    return User.objects.create(username=name, role=role, password=make_password(None))


@pytest.fixture
def owner(db: None) -> User:
    """Owns what the tests make."""
    return person("owner", Role.RESEARCHER)


@pytest.fixture
def teammate(db: None) -> User:
    """Another researcher of the lab."""
    return person("teammate", Role.RESEARCHER)


@pytest.fixture
def viewer(db: None) -> User:
    """May look, not touch."""
    return person("viewer", Role.VIEWER)
