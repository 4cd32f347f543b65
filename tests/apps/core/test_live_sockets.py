"""The JSON socket: the published shapes, who may listen, and what a client is told when it cannot go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError, transaction
from django.utils import timezone

from apps.core.accounts import admission, api_key_create, api_key_revoke, token_create
from apps.core.jobs.events import event_emit
from apps.core.jobs.reports import Log, Progress, Result, StatusChange
from apps.core.live import Event, head_cursor, listeners, socket, streams
from apps.core.live.log import Position
from apps.core.live.messages import message
from apps.core.live.tailer import Tailer
from apps.core.models import Job, JobEvent, JobStatus, Role, User
from tests.apps.core.live_lab import Listener, aside, emit, emit_many, forget_everything, make_member, session_of
from tests.patience import PATIENCE, until_async


def sign_in(name: str = "olga", role: str = Role.RESEARCHER) -> dict[str, str]:
    return session_of(make_member(name, role))


def owned_job(owner: User | None = None) -> Job:
    return Job.objects.create(kind="noop", topic="run_1", owner=owner)


async def test_each_type_has_its_published_shape(live: Tailer) -> None:
    headers, job = await aside(sign_in), await aside(owned_job)

    def write() -> None:
        with transaction.atomic():
            event_emit(Log.heard({"level": "warn", "message": "careful"}), job=job)
            event_emit(StatusChange(old_status="running", new_status="timeout"), job=job)
            event_emit(Progress(fraction=0.25, note="1 of 4"), job=job)
            event_emit(Result(result={"score": 1.0}), job=job)

    async with Listener(f"/ws/events/?job={job.pk}", headers) as client:
        opened = await client.any()
        assert opened["type"] == "open"
        await aside(write)
        got = [await client.next() for _ in range(4)]
    assert [one["type"] for one in got] == ["log", "status_change", "progress", "result"]
    assert [one["seq"] for one in got] == [1, 2, 3, 4]
    assert {(one["job_id"], one["topic"]) for one in got} == {(job.pk, "run_1")}
    log, change, progress, result = got
    assert (log["level"], log["message"]) == ("WARNING", "careful")
    assert (change["old_status"], change["new_status"], change["state"]) == ("running", "failed", "timeout")
    assert (progress["progress"], progress["note"]) == (0.25, "1 of 4")
    assert result["result"] == {"score": 1.0}
    assert all(one["timestamp"].endswith("+00:00") for one in got)
    cursors = [tuple(map(int, one["cursor"].split("-"))) for one in got]
    assert cursors == sorted(set(cursors))


def test_every_status_has_a_published_word() -> None:
    published = {"pending", "queued", "running", "completed", "failed", "cancelled"}
    for status in JobStatus.values:
        change = {"old_status": "queued", "new_status": status}
        told = message(Event(Position(0, 1), "job_1", "", 1, "status_change", change, timezone.now()))
        assert told["new_status"] in published
        assert told["state"] == status


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESEARCHER, Role.CURATOR, Role.ADMIN])
async def test_every_member_reads_everybodys_jobs(live: Tailer, role: str) -> None:
    job = await aside(lambda: owned_job(make_member("the owner", Role.RESEARCHER)))
    headers = await aside(sign_in, "somebody else", role)
    async with Listener(f"/ws/events/?job={job.pk}", headers) as client:
        await client.any()
        await aside(emit, job=job)
        assert (await client.next())["job_id"] == job.pk


@pytest.mark.parametrize("path", ["/ws/events/", "/ws/live/?page=shell", "/ws/anything/"])
async def test_nobody_unknown_listens(live: Tailer, path: str) -> None:
    async with Listener(path) as client:
        assert await client.closed() == 4401
    async with Listener(path, {"cookie": "sessionid=made-up"}) as client:
        assert await client.closed() == 4401
    async with Listener(path, {"authorization": "Bearer tk_made_up"}) as client:
        assert await client.closed() == 4401


async def test_a_member_who_was_deactivated_does_not_listen(live: Tailer) -> None:
    headers = await aside(sign_in)
    await aside(lambda: User.objects.filter(username="olga").update(is_active=False))
    async with Listener("/ws/events/", headers) as client:
        assert await client.closed() == 4401


async def test_a_wrong_token_is_refused_and_not_tried_as_a_session(live: Tailer) -> None:
    headers = await aside(sign_in)
    async with Listener("/ws/events/", {**headers, "authorization": "Bearer nonsense"}) as client:
        assert await client.closed() == 4401


async def test_a_program_listens_with_a_key_or_a_short_lived_token(live: Tailer) -> None:
    user = await aside(make_member, "olga", Role.RESEARCHER)
    _key, text = await aside(api_key_create, owner=user, name="a program", scopes=("read",))
    token, _until = await aside(token_create, user=user, scopes=frozenset({"read"}))
    for secret in (text, token):
        async with Listener("/ws/events/", {"authorization": f"Bearer {secret}"}) as client:
            assert (await client.any())["type"] == "open"
            assert client.subprotocol is None
        async with Listener("/ws/events/", {}, ["terrarium", f"bearer.{secret}"]) as client:
            assert (await client.any())["type"] == "open"
            assert client.subprotocol == "terrarium", "the token is not sent back"
        async with Listener("/ws/events/", {}, [f"bearer.{secret}"]) as client:
            assert (await client.any())["type"] == "open"
            assert client.subprotocol is None


async def test_a_token_in_the_address_is_not_read_and_the_close_says_where_it_belongs(live: Tailer) -> None:
    user = await aside(make_member, "olga", Role.RESEARCHER)
    token, _until = await aside(token_create, user=user, scopes=frozenset({"read"}))
    async with Listener(f"/ws/events/?token={token}") as client:
        closed = await client.goodbye()
    assert closed["code"] == 4401
    assert "Authorization: Bearer" in closed["reason"]
    assert token not in closed["reason"]
    async with Listener(f"/ws/events/?token={token}", await aside(session_of, user)) as client:
        assert (await client.any())["error"]["details"]["field"] == "token"
        assert await client.closed() == 4400


async def test_a_token_without_the_right_to_read_does_not_listen(live: Tailer) -> None:
    user = await aside(make_member, "olga", Role.RESEARCHER)
    token, _until = await aside(token_create, user=user, scopes=frozenset({"write"}))
    async with Listener("/ws/events/", {"authorization": f"Bearer {token}"}) as client:
        assert await client.closed() == 4401


async def test_in_single_user_mode_everybody_on_this_machine_listens(live: Tailer, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"enable_auth": False})
    async with Listener("/ws/events/") as client:
        assert (await client.any())["type"] == "open"


async def test_signing_out_ends_open_streams(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "RECHECK_SECONDS", 0.05)
    async with Listener("/ws/events/", await aside(sign_in)) as client:
        assert (await client.any())["type"] == "open"
        await aside(lambda: Session.objects.all().delete())
        assert await client.closed() == 4401


async def test_revoking_a_key_ends_open_streams(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "RECHECK_SECONDS", 0.05)
    user = await aside(make_member, "olga", Role.RESEARCHER)
    key, text = await aside(api_key_create, owner=user, name="a program", scopes=("read",))
    async with Listener("/ws/events/", {"authorization": f"Bearer {text}"}) as client:
        assert (await client.any())["type"] == "open"
        await aside(api_key_revoke, key=key)
        assert await client.closed() == 4401


async def test_a_token_ends_its_streams_when_it_ends(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "RECHECK_SECONDS", 0.05)
    user = await aside(make_member, "olga", Role.RESEARCHER)
    token, ends = await aside(token_create, user=user, scopes=frozenset({"read"}))
    async with Listener("/ws/events/", {"authorization": f"Bearer {token}"}) as client:
        assert (await client.any())["type"] == "open"
        monkeypatch.setattr(admission, "timezone", SimpleNamespace(now=lambda: ends))  # this clock alone
        assert await client.closed() == 4401


async def test_a_database_that_cannot_be_asked_sends_nobody_away(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def away(admissions: Any) -> None:
        asked.append(len(admissions))
        raise OperationalError("the server restarts")

    monkeypatch.setattr(listeners, "RECHECK_SECONDS", 0.02)
    monkeypatch.setattr(listeners, "those_that_hold", away)
    async with Listener("/ws/events/?topic=t", await aside(sign_in)) as client:
        await client.any()
        await until_async(lambda: len(asked) >= 3)
        await aside(emit_many, 1)
        assert (await client.next())["message"] == "0"


async def test_a_member_opens_so_many_sockets_and_no_more(live: Tailer, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"live_streams_per_member": 3})
    mine, others = await aside(sign_in), await aside(sign_in, "otto")
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(Listener("/ws/events/", mine)) for _ in range(3)]
        for client in opened:
            assert (await client.any())["type"] == "open"
        async with Listener("/ws/events/", mine) as fourth:
            assert "3 live streams open" in (await fourth.any())["error"]["message"]
            assert await fourth.closed() == 4429
        async with Listener("/ws/events/", others) as another:
            assert (await another.any())["type"] == "open"
    async with Listener("/ws/events/", mine) as later:
        assert (await later.any())["type"] == "open"


async def test_strangers_who_knock_are_slowed(live: Tailer, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 2})
    codes = []
    for _ in range(3):
        async with Listener("/ws/events/") as client:
            codes.append(await client.closed())
    assert codes == [4401, 4401, 4429]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("after=rubbish", 4400, "after"),
        ("after=0-99999999999999999999", 4400, "after"),
        (f"topic={'x' * 300}", 4400, "topic"),
        ("topic=%00", 4400, "topic"),
        ("after=%00", 4400, "after"),
        ("job=job_of_nobody", 4404, "job"),
        ("job=%00", 4400, "job"),
        ("job=%ED%A0%80", 4404, "job"),
        ("page=shell", 4400, "page"),
        ("jobb=1", 4400, "jobb"),
        ("job=%ff%fe", 4404, "job"),
    ],
)
async def test_a_parameter_that_cannot_be_used_is_named(live: Tailer, query: str, code: int, field: str) -> None:
    headers = await aside(sign_in)
    async with Listener(f"/ws/events/?{query}", headers) as client:
        told = await client.any()
        assert told["error"]["details"]["field"] == field
        assert await client.closed() == code


async def test_a_client_that_connects_again_with_its_cursor_misses_and_repeats_nothing(live: Tailer) -> None:
    headers = await aside(sign_in)
    async with Listener("/ws/events/?topic=t", headers) as client:
        await client.any()
        await aside(emit_many, 2)
        seen = [await client.next() for _ in range(2)]
    await aside(emit_many, 3, start=2)
    async with Listener(f"/ws/events/?topic=t&after={seen[-1]['cursor']}", headers) as client:
        seen += [await client.next() for _ in range(3)]
        await aside(emit_many, 1, start=5)
        seen.append(await client.next())
    assert [one["message"] for one in seen] == [str(number) for number in range(6)]


async def test_the_whole_past_can_be_asked_for(live: Tailer) -> None:
    headers = await aside(sign_in)
    await aside(emit_many, 3)
    async with Listener("/ws/events/?topic=t&after=start", headers) as client:
        assert [(await client.next())["message"] for _ in range(3)] == ["0", "1", "2"]


@pytest.mark.parametrize("of_a_job", [True, False])
async def test_a_reset_brings_the_state_to_go_on_from(live: Tailer, of_a_job: bool) -> None:
    headers, job = await aside(sign_in), await aside(owned_job)
    await aside(emit, job=job)
    old = await aside(lambda: f"0-{JobEvent.objects.get().pk - 1}")
    await aside(forget_everything)
    query = f"job={job.pk}" if of_a_job else "topic=run_1"
    async with Listener(f"/ws/events/?{query}&after={old}", headers) as client:
        reset = await client.next()
        assert reset["type"] == "reset"
        if of_a_job:
            assert (reset["snapshot"]["job"]["state"], reset["snapshot"]["job"]["seq"]) == ("queued", 1)
        else:
            assert reset["snapshot"]["jobs"]["queued"] == 1
            assert set(reset["snapshot"]["jobs"]) == set(JobStatus.values)
        await aside(emit, job=job)
        assert (await client.next())["seq"] == 2


async def test_silence_is_broken_by_heartbeats_that_carry_the_cursor(
    live: Tailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    headers, head = await aside(sign_in), await aside(head_cursor)
    async with Listener("/ws/events/", headers) as client:
        await client.any()
        told = await client.any()
        assert told["type"] == "ping"
        assert told["cursor"] >= head


async def test_what_a_client_says_is_not_listened_to(live: Tailer) -> None:
    headers = await aside(sign_in)
    async with Listener("/ws/events/", headers) as client:
        await client.any()
        for said in ({"text": "{"}, {"bytes": b"\x00"}, {"text": "x" * 100_000}):
            await client.socket.send_input({"type": "websocket.receive", **said})
        await aside(emit_many, 1)
        assert (await client.next())["message"] == "0"


class Stalled:
    """A client that takes a few messages and then no more."""

    def __init__(self, takes: int) -> None:
        self.left = takes
        self.sent: list[dict[str, Any]] = []
        self.open = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self.sent:
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, output: dict[str, Any]) -> None:
        if output["type"] == "websocket.send":
            if self.left == 0:
                await self.open.wait()
            self.left = max(0, self.left - 1)
        self.sent.append(output)


async def serve(client: Stalled, headers: dict[str, str], query: str = "topic=t") -> asyncio.Task[None]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/ws/events/", "query_string": query.encode(), "headers": raw}
    return asyncio.create_task(streams.events_socket(scope, client.receive, client.send))  # type: ignore[arg-type]


async def test_a_client_that_takes_nothing_any_more_is_told_to_come_back(
    live: Tailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "SEND_SECONDS", 0.2)
    client = Stalled(takes=3)
    task = await serve(client, await aside(sign_in), "topic=t&after=start")
    await aside(emit_many, 50)
    await asyncio.wait_for(task, PATIENCE)
    assert client.sent[-1]["type"] == "websocket.close"
    assert client.sent[-1]["code"] == 4408
    assert live.listeners() == 0


async def test_a_client_that_pauses_gets_everything_once_it_goes_on(live: Tailer) -> None:
    client = Stalled(takes=2)
    task = await serve(client, await aside(sign_in), "topic=t&after=start")
    for start in range(0, 3000, 500):
        await aside(emit_many, 500, start=start)
    await until_async(lambda: client.left == 0)
    client.open.set()
    await until_async(lambda: len(client.sent) >= 3002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    told = [json.loads(output["text"]) for output in client.sent if output["type"] == "websocket.send"]
    assert [one["message"] for one in told if one["type"] == "log"] == [str(number) for number in range(3000)]
