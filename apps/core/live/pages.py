"""Pages with live parts: which topics move them, and what is sent when something moved.

An app registers a `LivePage` in `AppConfig.ready`; its template opts in with `{% live_page "name" key %}`.
docs/live.md shows how.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.core.errors import NotFound
from apps.core.live.feed import in_thread
from apps.core.live.log import Event, Scope
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
    """

    name: str
    topics: Callable[[User, str], list[str]]
    render: Callable[[User, str, Sequence[Event]], str]
    types: frozenset[str] | None = None
    shared: bool = False


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


_Key = tuple[object, ...]
_renderings: dict[_Key, tuple[float, asyncio.Future[str]]] = {}


async def rendered(page: LivePage, user: User, key: str, events: Sequence[Event]) -> str:
    """The page's fragments. Sockets that show the same page and were handed the same events share one rendering."""
    if not events:
        return await in_thread(page.render, user, key, events)
    loop = asyncio.get_running_loop()
    same: _Key = (
        id(loop),
        page.name,
        key,
        "" if page.shared else user.pk,
        events[0].position,
        events[-1].position,
        len(events),
    )
    now = time.monotonic()
    for old in [name for name, (made, _) in _renderings.items() if now - made > _KEPT_SECONDS]:
        del _renderings[old]
    if same not in _renderings:
        _renderings[same] = (now, asyncio.ensure_future(in_thread(page.render, user, key, events)))
    # Shielded: the first of them to leave must not take the others' rendering along.
    return await asyncio.shield(_renderings[same][1])
