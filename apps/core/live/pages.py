"""Pages with live parts: which topics move them, and what is sent when something moved.

An app registers a `LivePage` in `AppConfig.ready`; its template opts in with `{% live_page "name" key %}`.
docs/live.md shows how.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from apps.core.errors import NotFound
from apps.core.live.feed import in_thread
from apps.core.live.log import Event, Scope
from apps.core.live.points import MAX_JOBS
from apps.core.models import User

EVERY_TOPIC = "*"
_KEPT_SECONDS = 2.0


@dataclass(frozen=True)
class LivePage:
    """One kind of page.

    `topics` says what moves the page of a key: names of topics or ids of jobs, or `[EVERY_TOPIC]`; it raises
    `NotFound` for a key there is not. `render` returns fragments marked for out-of-band swapping, from queries that
    read the present state; `events` are those since the last message, in order (empty after a reset). `types` limits
    what counts. `shared` says that every member is shown the same, so that one rendering serves all of them.
    `points` names jobs (at most `MAX_JOBS`) whose metric points move the page too, and `draw_points` returns the fragments
    of those parts, given the jobs whose points moved; the first time, all of them.
    """

    name: str
    topics: Callable[[User, str], list[str]]
    render: Callable[[User, str, Sequence[Event]], str]
    types: frozenset[str] | None = None
    shared: bool = False
    points: Callable[[User, str], Sequence[str]] | None = None
    draw_points: Callable[[User, str, Collection[str]], str] | None = None


_pages: dict[str, LivePage] = {}


def register(page: LivePage) -> None:
    """Make a page known."""
    _pages[page.name] = page


def get(name: str) -> LivePage:
    """The page of that name."""
    try:
        return _pages[name]
    except KeyError:
        raise NotFound(f"There is no live page named {name[:60]!r}.") from None


def scope_of(page: LivePage, user: User, key: str) -> Scope:
    """What a page listens to."""
    names = page.topics(user, key)
    return Scope(names=None if EVERY_TOPIC in names else frozenset(names), types=page.types)


def points_of(page: LivePage, user: User, key: str) -> frozenset[str]:
    """The jobs whose metric points move a page."""
    return frozenset(list(page.points(user, key))[:MAX_JOBS]) if page.points is not None else frozenset()


_Key = tuple[object, ...]
_renderings: dict[_Key, tuple[float, asyncio.Future[str]]] = {}


async def rendered(page: LivePage, user: User, key: str, events: Sequence[Event]) -> str:
    """The page's fragments. Sockets that show the same page and were handed the same events share one rendering."""
    if not events:
        return await in_thread(page.render, user, key, events)
    what = (events[0].position, events[-1].position, len(events))
    return await _once(page, user, key, what, partial(page.render, user, key, events))


async def drawn(page: LivePage, user: User, key: str, moved: Mapping[str, int]) -> str:
    """The parts of the page that show metric points; shared likewise by those whose points stand at the same place."""
    if page.draw_points is None or not moved:
        return ""
    what = tuple(sorted(moved.items()))
    return await _once(page, user, key, what, partial(page.draw_points, user, key, sorted(moved)))


async def _once(page: LivePage, user: User, key: str, what: object, render: Callable[[], str]) -> str:
    """One rendering for all who would get the same."""
    same: _Key = (id(asyncio.get_running_loop()), page.name, key, "" if page.shared else user.pk, what)
    now = time.monotonic()
    for old in [name for name, (made, _) in _renderings.items() if now - made > _KEPT_SECONDS]:
        del _renderings[old]
    if same not in _renderings:
        _renderings[same] = (now, asyncio.ensure_future(in_thread(render)))
    # Shielded: the first of them to leave must not take the others' rendering along.
    return await asyncio.shield(_renderings[same][1])
