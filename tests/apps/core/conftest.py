"""A lab with one member of each role, a second researcher, and ways to speak for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from apps.core import throttle
from apps.core.accounts import api_key_create
from apps.core.models import Role, User
from tests.apps.core.live_lab import live, shared_database, template_database  # noqa: F401 - fixtures of the test_live_* files

PASSWORD = "a long enough one 4711"


class Clock:
    """The time by which requests are counted; it stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000_000 * 3600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def minute(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Nobody has asked for anything yet this minute, and it does not end while a test counts."""
    clock = Clock()
    monkeypatch.setattr(throttle, "_now", clock)
    for store in (cache, throttle._own):
        store.clear()
    yield clock
    for store in (cache, throttle._own):
        store.clear()


def make_user(name: str, role: str, **more: Any) -> User:
    """A member with the usual password."""
    user = User(username=name, role=role, is_staff=role in {Role.CURATOR, Role.ADMIN}, **more)
    user.set_password(PASSWORD)
    user.save()
    return user


@dataclass(frozen=True)
class People:
    """Who there is."""

    owner: User
    other: User
    viewer: User
    curator: User
    admin: User


@pytest.fixture
def people(db: None, settings: Any) -> People:
    """One member of each role, and a second researcher."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return People(
        owner=make_user("olga", Role.RESEARCHER),
        other=make_user("otto", Role.RESEARCHER),
        viewer=make_user("vera", Role.VIEWER),
        curator=make_user("cora", Role.CURATOR),
        admin=make_user("ada", Role.ADMIN),
    )


@pytest.fixture
def as_(people: People) -> Callable[[User], Client]:
    """A signed-in browser of somebody."""

    def browser(user: User, **options: Any) -> Client:
        client = Client(raise_request_exception=False, **options)
        client.force_login(user)
        return client

    return browser


@pytest.fixture
def anonymous(db: None) -> Client:
    """A browser nobody has signed in."""
    return Client(raise_request_exception=False)


@pytest.fixture
def several_connections(transactional_db: None) -> None:
    """For tests whose threads write at once, each on its own connection."""
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        pytest.skip("SQLite in memory shares one cache, which does not wait: set TEST_SQLITE_PATH to a file")


class Program:
    """A program with an API key."""

    def __init__(self, token: str) -> None:
        self.client = Client(raise_request_exception=False, headers={"authorization": f"Bearer {token}"})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request with a JSON body."""
        send = getattr(self.client, method)
        return send(path) if body is None else send(path, body, content_type="application/json")


@pytest.fixture
def program(people: People) -> Callable[..., Program]:
    """A program of somebody, with a key of the given scopes."""

    def make(user: User, *scopes: str) -> Program:
        _key, text = api_key_create(owner=user, name="a program", scopes=scopes or ("read",))
        return Program(text)

    return make
