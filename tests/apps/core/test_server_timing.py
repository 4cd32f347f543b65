"""Members see what their request cost the server; strangers see nothing of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.core.accounts import api_key_create
from apps.core.models import User
from apps.core.timing import ServerTimingMiddleware

from .conftest import People


def read(answer: Any) -> tuple[float, float, int]:
    """Milliseconds in all and in the database, and statements."""
    found = re.fullmatch(r'total;dur=([\d.]+), db;dur=([\d.]+);desc="(\d+) statements?"', answer["Server-Timing"])
    assert found is not None, answer["Server-Timing"]
    return float(found[1]), float(found[2]), int(found[3])


@pytest.mark.parametrize("path", ["/account/", "/tasks/", "/api/v1/auth/me"])
def test_a_member_sees_the_time_and_every_statement(as_: Callable[..., Client], people: People, path: str) -> None:
    browser = as_(people.owner)
    with CaptureQueriesContext(connection) as caught:
        answer = browser.get(path)
    total, in_database, statements = read(answer)
    assert statements == len(caught) > 0
    assert 0 < in_database <= total


def test_a_program_sees_it_too(people: People) -> None:
    _key, text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    answer = Client().get("/api/v1/auth/me", headers={"authorization": f"Bearer {text}"})
    assert read(answer)[2] > 0


def test_a_stranger_sees_nothing(anonymous: Client, people: People) -> None:
    answers = [
        anonymous.get("/login/"),
        anonymous.get("/healthz"),
        anonymous.get("/tasks/"),
        anonymous.get("/api/v1/auth/me"),
        anonymous.post("/login/", {"username": people.owner.username, "password": "wrong"}),
    ]
    assert ["Server-Timing" in answer.headers for answer in answers] == [False] * 5


def test_whoever_was_not_looked_up_is_not_looked_up_for_this(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    with CaptureQueriesContext(connection) as caught:
        answer = browser.get("/healthz")
    assert "Server-Timing" not in answer.headers
    assert not any("session" in query["sql"] for query in caught)


@pytest.mark.django_db(transaction=True)
def test_statements_of_threads_that_work_for_the_request_are_counted_and_those_of_others_are_not() -> None:
    def ask(times: int) -> None:
        for _ in range(times):
            User.objects.count()
        connection.close()

    async def view(request: HttpRequest) -> HttpResponse:
        await sync_to_async(ask, thread_sensitive=False)(int(request.GET["times"]))
        request.user = SimpleNamespace(is_authenticated=True)  # type: ignore[assignment]
        return HttpResponse()

    async def both() -> list[Any]:
        middleware = ServerTimingMiddleware(view)
        return await asyncio.gather(
            *(middleware(RequestFactory().get("/", {"times": times})) for times in (2, 5))  # type: ignore[arg-type]
        )

    assert [read(answer)[2] for answer in asyncio.run(both())] == [2, 5]
