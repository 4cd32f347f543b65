"""Pages that follow the log: fragments in few messages, the cursor taken before the data, one rendering for all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.live import Event, LivePage, log, pages, read_events, register, streams
from apps.core.live.middleware import LiveCursorMiddleware
from apps.core.live.tailer import Tailer
from apps.core.models import Job, JobEvent, Role, User
from tests.apps.core.live_lab import Listener, aside, emit, emit_many, forget_everything, make_member, session_of
from tests.patience import BRIEFLY, PATIENCE


@pytest.fixture
def drawn() -> Iterator[list[list[str]]]:
    """A page named `list` that shows the messages of its topic; each rendering is noted."""
    renderings: list[list[str]] = []

    def topics(_user: User, key: str) -> list[str]:
        if key == "nothing":
            raise NotFound("There is no such list.")
        return [key]

    def render(user: User, key: str, events: Sequence[Event]) -> str:
        renderings.append([str(event.payload.get("message")) for event in events])
        if key == "broken":
            raise RuntimeError("a template is wrong")
        return f'<p id="x" hx-swap-oob="true">{key} {len(events)} {user.username}</p>'

    register(LivePage("list", topics, render))
    register(LivePage("changes", topics, render, types=frozenset({"status_change"})))
    register(LivePage("shared", topics, render, shared=True))
    yield renderings
    for name in ("list", "changes", "shared"):
        del pages._pages[name]


async def member(name: str = "vera") -> dict[str, str]:
    return await aside(lambda: session_of(make_member(name, Role.VIEWER)))


async def test_a_change_brings_the_fragment_and_the_cursor_after_it(live: Tailer, drawn: list[list[str]]) -> None:
    async with Listener("/ws/live/?page=list&key=t", await member()) as page:
        assert set(await page.any()) == {"cursor"}
        await aside(emit_many, 1)
        told = await page.next()
    assert told["html"] == '<p id="x" hx-swap-oob="true">t 1 vera</p>'
    assert (await aside(read_events, after=told["cursor"])).events == []


async def test_a_burst_is_few_messages_and_no_event_is_left_out(live: Tailer, drawn: list[list[str]]) -> None:
    async with Listener("/ws/live/?page=list&key=t", await member()) as page:
        await page.any()
        began, messages = time.monotonic(), 0
        for start in range(0, 100, 10):
            await aside(emit_many, 10, start=start)
        while sum(map(len, drawn)) < 100:
            await page.next()
            messages += 1
        seconds = time.monotonic() - began
        assert messages <= 1 + seconds * streams.MESSAGES_A_SECOND
    assert [message for rendering in drawn for message in rendering] == [str(number) for number in range(100)]


async def test_the_first_change_after_a_silence_is_shown_at_once_and_the_next_after_a_pause(
    live: Tailer, drawn: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MESSAGES_A_SECOND", 0.01 / PATIENCE)
    async with Listener("/ws/live/?page=list&key=t", await member()) as page:
        await page.any()
        await aside(emit_many, 1)
        await page.next()
        await aside(emit_many, 1)
        assert await page.socket.receive_nothing(timeout=BRIEFLY)


async def test_what_happened_since_the_page_was_served_is_sent_on_connecting(
    live: Tailer, drawn: list[list[str]]
) -> None:
    headers = await member()
    cursor = (await aside(read_events, after="now")).cursor
    await aside(emit_many, 3)
    async with Listener(f"/ws/live/?page=list&key=t&after={cursor}", headers) as page:
        assert "t 3 vera" in (await page.next())["html"]


async def test_only_the_types_a_page_asked_for_redraw_it(live: Tailer, drawn: list[list[str]]) -> None:
    async with Listener("/ws/live/?page=changes&key=t", await member()) as page:
        await page.any()
        await aside(emit, "t")
        await aside(emit, "t", type="status_change", old_status="queued", new_status="running")
        assert "t 1 vera" in (await page.next())["html"]


async def test_a_reset_redraws_from_the_present_and_says_so(live: Tailer, drawn: list[list[str]]) -> None:
    headers = await member()

    def prepare() -> str:
        emit("t")
        old = f"0-{JobEvent.objects.get().pk - 1}"
        forget_everything()
        return old

    async with Listener(f"/ws/live/?page=list&key=t&after={await aside(prepare)}", headers) as page:
        told = await page.next()
        assert told["reset"] is True
        assert "t 0 vera" in told["html"]
        await aside(emit_many, 1)
        assert "reset" not in await page.next()


async def test_a_page_far_behind_is_fetched_anew_instead_of_replayed(
    live: Tailer, drawn: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "EVENTS_A_MESSAGE", 10)
    monkeypatch.setattr(streams, "TOO_FAR_BEHIND", 25)
    monkeypatch.setattr(streams, "MESSAGES_A_SECOND", 1000)
    headers = await member()
    await aside(emit_many, 100)
    async with Listener("/ws/live/?page=list&key=t&after=start", headers) as page:
        told = await page.next()
        while "reset" not in told:
            told = await page.next()
        assert (await aside(read_events, after=told["cursor"])).events == []
    assert sum(map(len, drawn)) < 40


async def test_sockets_that_show_the_same_share_one_rendering_only_where_the_page_allows_it(
    live: Tailer, drawn: list[list[str]]
) -> None:
    for page, renderings in (("shared", 1), ("list", 2)):
        drawn.clear()
        first, second = await member(f"first {page}"), await member(f"second {page}")
        path = f"/ws/live/?page={page}&key=t"
        async with Listener(path, first) as one, Listener(path, second) as two, Listener(path, second) as three:
            for listener in (one, two, three):
                await listener.any()
            await aside(emit_many, 1)
            for listener in (one, two, three):
                await listener.next()
        assert len(drawn) == renderings


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("page=unheard-of", 4404),
        ("", 4404),
        ("page=list&key=nothing", 4404),
        (f"page=list&key={'x' * 300}", 4404),
        ("page=list&key=%00", 4400),
        ("page=list&key=t&after=rubbish", 4400),
    ],
)
async def test_a_page_there_is_not_is_closed_for_good(
    live: Tailer, drawn: list[list[str]], query: str, code: int
) -> None:
    async with Listener(f"/ws/live/?{query}", await member()) as page:
        assert await page.closed() == code


async def test_a_page_that_cannot_be_drawn_closes_with_a_fault_and_hurts_nobody_else(
    live: Tailer, drawn: list[list[str]]
) -> None:
    headers = await member()
    async with (
        Listener("/ws/live/?page=list&key=broken", headers) as broken,
        Listener("/ws/live/?page=list&key=t", headers) as well,
    ):
        await broken.any()
        await well.any()
        await aside(emit, "broken")
        assert await broken.closed() == 1011
        await aside(emit, "t")
        assert "t 1 vera" in (await well.next())["html"]


async def test_the_pill_in_the_top_bar_counts_the_jobs_that_run(live: Tailer) -> None:
    def start() -> None:
        job = Job.objects.create(
            kind="noop", status="running", worker="w", lease_expires_at=timezone.now(), topic="run_1"
        )
        emit(job=job, type="status_change", old_status="queued", new_status="running")

    async with Listener("/ws/live/?page=shell", await member()) as page:
        await page.any()
        await aside(start)
        html = (await page.next())["html"]
    assert 'id="running-pill"' in html
    assert 'hx-swap-oob="true"' in html
    assert "1 job running" in html


def through_the_middleware(user: User | None, path: str, view: Any) -> HttpRequest:
    """A request as the stack hands it to a view, which is then called."""
    request = RequestFactory().get(path)
    if user is not None:
        name, _, value = session_of(user)["cookie"].partition("=")
        request.COOKIES[name] = value
    SessionMiddleware(lambda _request: HttpResponse()).process_request(request)
    LiveCursorMiddleware(view).process_view(request, view, (), {})
    view(request)
    return request


def test_the_cursor_of_a_page_is_taken_before_its_view_reads_anything(shared_database: str) -> None:
    request = through_the_middleware(make_member("vera"), "/experiments/", lambda _request: emit_many(1))
    html = Template('{% load live %}{% live_page "list" "run_1" %}').render(Context({"request": request}))
    found = re.fullmatch(
        r'<span hidden data-live-page="list" data-live-key="run_1" data-live-cursor="(\d+-\d+)"></span>', html
    )
    assert found
    assert len(read_events(after=found[1]).events) == 1


def test_the_key_of_a_page_is_escaped(shared_database: str) -> None:
    html = Template('{% load live %}{% live_page "list" key %}').render(Context({"key": '"><script>'}))
    assert "<script>" not in html
    assert log.parse_cursor(re.findall(r'cursor="([^"]+)"', html)[0]) >= log.START


@pytest.mark.parametrize(("known", "path"), [(False, "/"), (True, "/api/v1/events"), (True, "/healthz")])
def test_strangers_and_programs_cost_no_cursor(shared_database: str, known: bool, path: str) -> None:
    user = make_member("vera") if known else None
    assert not hasattr(through_the_middleware(user, path, lambda _request: None), "live_cursor")
