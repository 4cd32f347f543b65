"""What the search of the top bar looks through: each app registers a provider for its own things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.core.models import User


@dataclass(frozen=True)
class Hit:
    """One thing found: what it is called, where it is, and a word on its state."""

    title: str
    url: str
    note: str = ""
    status: str = ""


@dataclass(frozen=True)
class SearchProvider:
    """A group of the palette. `find(user, text, limit)` answers in a few milliseconds, best first.

    With an empty text it offers what the person most likely wants next, or nothing.
    """

    name: str
    title: str
    icon: str
    find: Callable[[User, str, int], Sequence[Hit]]


_providers: dict[str, SearchProvider] = {}


def register(provider: SearchProvider) -> None:
    """Make a provider known; apps do so in `AppConfig.ready`."""
    _providers[provider.name] = provider


def providers() -> list[SearchProvider]:
    """All providers, in the order they registered."""
    return list(_providers.values())


def search(user: User, text: str, limit: int = 6) -> list[tuple[SearchProvider, Sequence[Hit]]]:
    """The hits of every provider that found something."""
    found = [(provider, provider.find(user, text.strip()[:100], limit)) for provider in providers()]
    return [(provider, hits) for provider, hits in found if hits]
