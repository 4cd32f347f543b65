"""What the first page of the day shows: figures, panels and needs, each registered by the app that knows.

An app registers in `AppConfig.ready`. The page reads what is registered, for a request and for each live message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from apps.core.models import User

MOST_FIGURES = 5

T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """One look at the page: who looks, since when (the end of their last visit; None: there was none), and what the
    address chooses."""

    user: User
    since: datetime | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    _known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, read: Callable[[Look], T]) -> T:
        """What `read` answers, asked once a look however many panels want it."""
        if read not in self._known:
            self._known[read] = read(self)
        found: T = self._known[read]
        return found


@dataclass(frozen=True)
class Figure:
    """A key figure in words: `value` stands large, `unit` beside it, `note` beneath."""

    label: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """A part of the page, drawn by `template` from what `read` answers; None leaves the place empty.

    `place` is `top`, `main` (the wide column) or `side`; `order` decides within it. The template is given `id`, which its
    one outermost element must bear, and `oob` when the socket sends it.
    """

    name: str
    template: str
    read: Callable[[Look], Mapping[str, Any] | None]
    place: str = "main"
    order: int = 50

    @property
    def id(self) -> str:
        """The id of its element."""
        return f"obs-{self.name}"


@dataclass(frozen=True)
class Need:
    """Something that waits for a person: its state, what, where to go, since when."""

    status: str
    title: str
    note: str
    url: str
    at: datetime | None = None


_ORDER = {"critical": 0, "failed": 1, "error": 1, "warning": 2, "paused": 3}

_figures: dict[str, tuple[int, Callable[[Look], Sequence[Figure]]]] = {}
_panels: dict[str, Panel] = {}
_needs: dict[str, Callable[[Look], Sequence[Need]]] = {}


def figures_register(name: str, read: Callable[[Look], Sequence[Figure]], *, order: int = 50) -> None:
    """Add key figures; the strip shows the first few by order."""
    _figures[name] = (order, read)


def panel_register(panel: Panel) -> None:
    """Add a panel; the same name again replaces it."""
    _panels[panel.name] = panel


def needs_register(name: str, read: Callable[[Look], Sequence[Need]]) -> None:
    """Add things that may wait for a person."""
    _needs[name] = read


def figures(look: Look) -> list[Figure]:
    """The key figures, in order, no more than fit."""
    found: list[Figure] = []
    for _, read in sorted(_figures.values(), key=lambda pair: pair[0]):
        found += read(look)
    return found[:MOST_FIGURES]


def panels() -> list[Panel]:
    """The panels in their order."""
    return sorted(_panels.values(), key=lambda panel: (panel.order, panel.name))


def needs(look: Look) -> list[Need]:
    """What needs this person, most pressing first."""
    found = [need for read in _needs.values() for need in read(look)]
    return sorted(found, key=lambda need: _ORDER.get(need.status, 4))
