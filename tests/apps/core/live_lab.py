"""What tests of live delivery share: a database that threads and processes can share, and ways to write and to listen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.test import Client

from apps.core.api import events
from apps.core.jobs.events import EventEntry, event_emit, events_emit
from apps.core.jobs.reports import hear
from apps.core.live import feed, listeners, socket, sse, tailer
from apps.core.models import Artefact, ArtefactPart, EventFloor, Job, JobEvent, Role, User
from tests.patience import PATIENCE

T = TypeVar("T")


@pytest.fixture(scope="session")
def template_database(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path | None:
    """SQLite's migrated memory in a file, taken before any test has begun its transaction."""
    if connection.vendor != "sqlite":
        return None
    path = tmp_path_factory.mktemp("live") / "template.sqlite3"
    with django_db_blocker.unblock(), contextlib.closing(sqlite3.connect(path)) as copy:
        connection.ensure_connection()
        connection.connection.backup(copy)
    return path


@pytest.fixture
def shared_database(template_database: Path | None, db: None, tmp_path: Path) -> Iterator[str]:
    """The URL of a database in which commits are commits and which threads and processes share.

    Threads cannot share SQLite's memory, so there it is a copy in a file. The usual transaction around a test stays
    open and unused on the connection that is put aside; truncating every table instead would take seconds a test.
    """
    usual = connections[DEFAULT_DB_ALIAS]
    name = usual.settings_dict["NAME"]
    url = postgres_url()
    if template_database:
        path = tmp_path / "lab.sqlite3"
        shutil.copy(template_database, path)
        url = f"sqlite:///{path}"
        usual.settings_dict["NAME"] = str(path)  # threads connect by it
    connections[DEFAULT_DB_ALIAS] = usual.copy()
    try:
        yield url
        for model in (JobEvent, Job, Session, User, EventFloor, ArtefactPart, Artefact):
            model.objects.all().delete()
    finally:
        connection.close()
        connections[DEFAULT_DB_ALIAS] = usual
        usual.settings_dict["NAME"] = name


def postgres_url() -> str:
    given = connection.settings_dict
    host, port = given["HOST"] or "127.0.0.1", given["PORT"] or "5432"
    user = f"{given['USER']}{':' + given['PASSWORD'] if given['PASSWORD'] else ''}@" if given["USER"] else ""
    return f"postgresql://{user}{host}:{port}/{given['NAME']}" if given["HOST"] else f"postgresql:///{given['NAME']}"


@pytest.fixture
def live(shared_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tailer.Tailer]:
    """Live delivery on that database, with a tailer and threads of its own that end with the test."""
    own = tailer.Tailer()
    threads = ThreadPoolExecutor(4)
    monkeypatch.setattr(feed, "tailer", own)
    monkeypatch.setattr(feed, "_threads", threads)
    monkeypatch.setattr(tailer, "LINGER_SECONDS", 0.0)
    present = listeners.Listeners()
    for module in (listeners, socket, sse, events):
        monkeypatch.setattr(module, "listeners", present)
    yield own
    watching = present._thread
    if watching is not None:
        watching.join(PATIENCE)
    thread = own._thread
    if thread is not None:
        own._woken.set()
        thread.join(PATIENCE)
    threads.shutdown()


def emit(topic: str = "t", *, type: str = "log", job: Job | None = None, **payload: Any) -> None:
    """One event, committed."""
    with transaction.atomic():
        event_emit(hear(type, payload or {"level": "info", "message": "hello"}), job=job, topic=topic)


def emit_many(count: int, topic: str = "t", *, start: int = 0) -> None:
    """Numbered events in one transaction."""
    events_emit([EventEntry("log", {"message": str(number)}, topic=topic) for number in range(start, start + count)])


def make_member(name: str, role: str = Role.RESEARCHER) -> User:
    """A member who signs in by link; hashing a password takes long."""
    user = User(username=name, role=role)
    user.set_unusable_password()
    user.save()
    return user


def forget_everything() -> None:
    """What the retention sweep does, for all there is."""
    JobEvent.objects.all().delete()


async def aside(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run something that uses the database from an asynchronous test."""
    return await feed.in_thread(call, *arguments, **named)


def cookie_of(client: Client) -> dict[str, str]:
    """The header that makes a websocket that browser's."""
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


class Listener:
    """A websocket, as its client sees it."""

    def __init__(self, path: str, headers: dict[str, str] | None = None, subprotocols: list[str] | None = None) -> None:
        from config.asgi import application

        address, _, query = path.partition("?")
        self.socket: Any = ApplicationCommunicator(  # type: ignore[no-untyped-call]
            application,
            {
                "type": "websocket",
                "path": address,
                "query_string": query.encode(),
                "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
                "subprotocols": subprotocols or [],
                "scheme": "ws",
                "client": ("127.0.0.1", 4711),
            },
        )

    async def __aenter__(self) -> Listener:
        await self.socket.send_input({"type": "websocket.connect"})
        answer = await self.socket.receive_output(timeout=PATIENCE)
        assert answer["type"] == "websocket.accept", answer
        self.subprotocol = answer.get("subprotocol")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.socket.wait(timeout=PATIENCE)

    async def next(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next message; heartbeats are no news."""
        while True:
            message = await self.any(timeout)
            if message.get("type") not in {"ping", "open"} and set(message) != {"cursor"}:
                return message

    async def any(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next message of any kind."""
        output = await self.socket.receive_output(timeout=timeout)
        assert output["type"] == "websocket.send", output
        message: dict[str, Any] = json.loads(output["text"])
        return message

    async def closed(self, timeout: float = PATIENCE) -> int:
        """The code the server closes with."""
        return int((await self.goodbye(timeout))["code"])

    async def goodbye(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """How the server closes: code and reason."""
        async with asyncio.timeout(timeout):
            while True:
                output: dict[str, Any] = await self.socket.receive_output(timeout=timeout)
                if output["type"] == "websocket.close":
                    return output


def session_of(user: User) -> dict[str, str]:
    """The cookie header of a freshly signed-in member."""
    client = Client()
    client.force_login(user)
    return cookie_of(client)
