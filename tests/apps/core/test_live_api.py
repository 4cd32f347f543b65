"""Polls and server-sent events: the same log, the same cursor, the same rules as the sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIHandler
from django.http import StreamingHttpResponse
from django.test import Client

from apps.core.accounts import Admission, api_key_create, api_key_revoke, those_that_hold, token_create
from apps.core.live import listeners, sse
from apps.core.live.log import Scope
from apps.core.live.tailer import Tailer
from apps.core.models import Job, JobEvent, Role, User
from tests.apps.core.live_lab import aside, emit, emit_many, forget_everything, make_member, session_of
from tests.patience import PATIENCE, until_async

EVENTS = "/api/v1/events"
NOBODY = Admission(user_id="user_nobody")
"""Whoever listens without a door; nobody looks within the seconds of a test."""


def browser(role: str = Role.VIEWER) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_member("vera", role))
    return client


class Stream:
    """Server-sent events, taken apart."""

    def __init__(self, parts: AsyncIterator[Any]) -> None:
        self.parts = parts

    async def next(self) -> dict[str, str]:
        """The next event; comments and the opening one are none."""
        while True:
            part = await asyncio.wait_for(anext(self.parts), PATIENCE)
            text = part.decode() if isinstance(part, bytes) else part
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines() if not line.startswith(":"))
            if fields.get("event", "open") != "open":
                return fields


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESEARCHER, Role.CURATOR, Role.ADMIN])
def test_every_member_polls_everybodys_events(shared_database: str, role: str) -> None:
    job = Job.objects.create(kind="noop", topic="run_1", owner=make_member("the owner"))
    emit(job=job, level="error", message="broken")
    answer = browser(role).get(EVENTS, {"job": job.pk})
    assert answer.status_code == 200
    (event,) = answer.json()["events"]
    assert (event["type"], event["level"], event["message"], event["topic"]) == ("log", "ERROR", "broken", "run_1")


def test_nobody_unknown_polls_or_streams(shared_database: str) -> None:
    for path in (EVENTS, f"{EVENTS}/stream"):
        answer = Client().get(path)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_a_program_polls_with_a_key(shared_database: str) -> None:
    _key, text = api_key_create(owner=make_member("olga"), name="a program", scopes=("read",))
    assert Client().get(EVENTS, headers={"authorization": f"Bearer {text}"}).status_code == 200


def test_polling_with_the_answers_cursor_misses_and_repeats_nothing(shared_database: str) -> None:
    client, seen, cursor = browser(), [], "now"
    cursor = client.get(EVENTS, {"after": cursor}).json()["cursor"]
    for start in (0, 3, 6):
        emit_many(3, start=start)
        more = True
        while more:
            answer = client.get(EVENTS, {"after": cursor, "limit": 2}).json()
            seen += [event["message"] for event in answer["events"]]
            cursor, more = answer["cursor"], answer["more"]
    assert seen == [str(number) for number in range(9)]
    assert client.get(EVENTS, {"after": cursor}).json()["events"] == []


def test_a_poll_whose_cursor_is_too_old_is_told_to_start_anew(shared_database: str) -> None:
    client = browser()
    emit_many(2)
    old = client.get(EVENTS, {"limit": 1}).json()["cursor"]
    forget_everything()
    emit_many(1, start=2)
    answer = client.get(EVENTS, {"after": old}).json()
    assert (answer["reset"], answer["events"]) == (True, [])
    emit_many(1, start=3)
    assert [event["message"] for event in client.get(EVENTS, {"after": answer["cursor"]}).json()["events"]] == ["3"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"after": "rubbish"}, 422, "after"),
        ({"after": "1-99999999999999999999"}, 422, "after"),
        ({"limit": "0"}, 422, "limit"),
        ({"limit": "2001"}, 422, "limit"),
        ({"topic": "x" * 65}, 422, "topic"),
        ({"job": "job_of_nobody"}, 404, "job"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    shared_database: str, query: dict[str, str], status: int, field: str
) -> None:
    client = browser()
    for path in (EVENTS, f"{EVENTS}/stream"):
        if path != EVENTS and "limit" in query:
            continue
        answer = client.get(path, query)
        assert answer.status_code == status, answer.content
        assert field in json.dumps(answer.json()["error"])


def test_a_last_event_id_that_is_no_cursor_is_named(shared_database: str) -> None:
    answer = browser().get(f"{EVENTS}/stream", headers={"last-event-id": "rubbish"})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["field"] == "Last-Event-ID"


async def stream(client_headers: dict[str, str], **query: str) -> StreamingHttpResponse:
    client = Client()
    client.cookies.load(client_headers.pop("cookie"))
    answer: Any = await aside(client.get, f"{EVENTS}/stream", query, headers=client_headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer  # type: ignore[no-any-return]


async def test_a_stream_follows_and_its_ids_are_cursors(live: Tailer) -> None:
    headers = await aside(lambda: session_of(make_member("vera", Role.VIEWER)))
    await aside(emit_many, 2)
    answer = await stream(headers, topic="t", after="start")
    parts = Stream(aiter(answer))
    first = [await parts.next() for _ in range(2)]
    await aside(emit_many, 1, start=2)
    third = await parts.next()
    assert [json.loads(one["data"])["message"] for one in (*first, third)] == ["0", "1", "2"]
    assert {one["event"] for one in first} == {"log"}
    assert third["id"] == json.loads(third["data"])["cursor"]
    await answer.streaming_content.aclose()  # type: ignore[union-attr]


async def test_a_stream_goes_on_after_its_last_event_id(live: Tailer) -> None:
    headers = await aside(lambda: session_of(make_member("vera", Role.VIEWER)))
    await aside(emit_many, 2)
    parts = Stream(sse.event_stream(Scope(topic="t"), "start", NOBODY))
    last = (await parts.next())["id"]
    await parts.parts.aclose()  # type: ignore[attr-defined]
    await aside(emit_many, 2, start=2)
    answer = await stream({**headers, "last-event-id": last}, topic="t", after="now")
    again = Stream(aiter(answer))
    assert [json.loads((await again.next())["data"])["message"] for _ in range(3)] == ["1", "2", "3"]
    await answer.streaming_content.aclose()  # type: ignore[union-attr]


async def test_a_stream_that_is_left_takes_its_subscription_along(live: Tailer) -> None:
    parts = sse.event_stream(Scope(), "now", NOBODY)
    assert "retry: 1000" in await anext(parts)
    assert live.listeners() == 1
    await parts.aclose()
    assert live.listeners() == 0


async def test_silence_is_broken_by_comments(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    parts = sse.event_stream(Scope(), "now", NOBODY)
    await anext(parts)
    assert (await asyncio.wait_for(anext(parts), PATIENCE)).startswith(": ")
    await parts.aclose()


async def test_a_stream_ends_after_its_time(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_SECONDS", 0.1)
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    parts = [part async for part in sse.event_stream(Scope(), "now", NOBODY)]
    assert 2 <= len(parts) <= 5


@pytest.mark.parametrize("ending", ["revoked", "signed out", "deactivated"])
async def test_a_stream_ends_soon_after_what_let_its_client_in(
    live: Tailer, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(listeners, "RECHECK_SECONDS", 0.05)

    def come_in() -> tuple[dict[str, str], Any]:
        user = make_member("vera", Role.VIEWER)
        if ending == "revoked":
            key, text = api_key_create(owner=user, name="k", scopes=["read"])
            return {"authorization": f"Bearer {text}"}, lambda: api_key_revoke(key=key)
        gone = {
            "signed out": lambda: Session.objects.all().delete(),
            "deactivated": lambda: User.objects.filter(pk=user.pk).update(is_active=False),
        }
        return session_of(user), gone[ending]

    headers, end = await aside(come_in)
    answer = await stream({"cookie": "", **headers}, topic="t")
    parts = aiter(answer)
    await anext(parts)
    await aside(end)
    async with asyncio.timeout(PATIENCE):
        assert [part async for part in parts] == []
    assert live.listeners() == 0


@pytest.mark.parametrize("by", ["session", "key", "token"])
async def test_a_stream_whose_door_still_holds_is_looked_at_and_goes_on(
    live: Tailer, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    looks: list[int] = []

    def looked(admissions: Any) -> Any:
        looks.append(len(admissions))
        return those_that_hold(admissions)

    monkeypatch.setattr(listeners, "RECHECK_SECONDS", 0.02)
    monkeypatch.setattr(listeners, "those_that_hold", looked)

    def come_in() -> dict[str, str]:
        user = make_member("vera", Role.VIEWER)
        if by == "session":
            return session_of(user)
        key, text = api_key_create(owner=user, name="k", scopes=["read"])
        token, _ends = token_create(user=user, scopes=frozenset({"read"}), key=key)
        return {"cookie": "", "authorization": f"Bearer {token if by == 'token' else text}"}

    answer = await stream(await aside(come_in), topic="t")
    parts = Stream(aiter(answer))
    coming = asyncio.ensure_future(parts.next())
    await until_async(lambda: len(looks) >= 5)
    await aside(emit_many, 1)
    assert json.loads((await coming)["data"])["message"] == "0"
    await answer._iterator.aclose()  # type: ignore[attr-defined]


async def test_a_member_opens_so_many_streams_and_no_more(live: Tailer, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"live_streams_per_member": 2})
    headers = await aside(lambda: session_of(make_member("vera", Role.VIEWER)))
    opened = [aiter(await stream(dict(headers), topic="t")) for _ in range(2)]
    for one in opened:
        await anext(one)
    client = Client()
    client.cookies.load(headers["cookie"])
    refused: Any = await aside(client.get, f"{EVENTS}/stream")
    assert refused.status_code == 429
    assert "2 live streams open" in refused.json()["error"]["message"]
    await opened.pop().aclose()  # type: ignore[attr-defined]  # as the server does when the client leaves
    opened.append(aiter(await stream(dict(headers), topic="t")))
    await anext(opened[-1])
    for one in opened:
        await one.aclose()  # type: ignore[attr-defined]
    assert live.listeners() == 0


async def test_whoever_leaves_while_nothing_is_taken_gives_the_place_back(live: Tailer) -> None:
    """The server is cut off while it hands a part over, not while it waits for one."""
    headers = await aside(lambda: session_of(make_member("vera", Role.VIEWER)))
    answer = await stream(dict(headers), topic="t")
    begun = asyncio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            begun.set()
            await asyncio.sleep(3600)

    sending = asyncio.create_task(ASGIHandler().send_response(answer, send))
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    assert live.listeners() == 1
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert live.listeners() == 0, "at once, and not when the answer is forgotten"


async def test_a_stream_whose_cursor_is_too_old_brings_a_snapshot(live: Tailer) -> None:
    def prepare() -> str:
        emit("t")
        old = f"0-{JobEvent.objects.get().pk - 1}"
        forget_everything()
        return old

    parts = Stream(sse.event_stream(Scope(topic="t"), await aside(prepare), NOBODY))
    reset = await parts.next()
    assert reset["event"] == "reset"
    assert json.loads(reset["data"])["snapshot"]["topic"] == "t"
    await aside(emit_many, 1)
    assert (await parts.next())["event"] == "log"
    await parts.parts.aclose()  # type: ignore[attr-defined]


def test_both_ways_are_in_the_schema() -> None:
    from config.api import api

    paths = api.get_openapi_schema()["paths"]
    assert "text/event-stream" in paths[f"{EVENTS}/stream"]["get"]["responses"][200]["content"]
    assert {one["name"] for one in paths[EVENTS]["get"]["parameters"]} >= {"after", "job", "topic", "limit"}
