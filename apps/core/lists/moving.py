"""Lists that move while they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.template.loader import render_to_string

from apps.core.lists.listing import Listing
from apps.core.lists.page import ListPage
from apps.core.live import EVERY_TOPIC, Event, LivePage
from apps.core.models import User


def _everything(_listing: Listing) -> list[str]:
    return [EVERY_TOPIC]


def live_list(
    page: ListPage, *, types: frozenset[str] | None = None, topics: Callable[[Listing], list[str]] = _everything
) -> LivePage:
    """The live page of a list, named by `page.live`: its rows drawn anew when something happens in `topics`.

    Its key is the list's query string, so that the socket draws what the page shows.
    """

    def listing(user: User, key: str) -> Listing:
        return page.listing(key, user)

    def render(user: User, key: str, _events: Sequence[Event]) -> str:
        return render_to_string("components/list_rows.html", {"listing": listing(user, key), "user": user, "oob": True})

    return LivePage(page.live, lambda user, key: topics(listing(user, key)), render, types=types)
