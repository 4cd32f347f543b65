"""The words a list is declared in: what narrows it, what orders it, what its table shows, what is done to many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from apps.core.models import Role, User

Rows = QuerySet[Any, Any]
Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Search:
    """The text field: `narrow(rows, text)` keeps what the text means."""

    label: str
    narrow: Callable[[Rows, str], Rows]
    name: str = "q"


@dataclass(frozen=True)
class Choice:
    """One of several: a select. `narrow` is the column that equals the value, or how the value narrows the rows.

    `options` are (value, label) pairs, or how to read them. A value that is none of them is said and left out; where
    the options are only those known at present, the choice is `open` and takes it (or those it answers true to).
    """

    name: str
    label: str
    options: Options | Callable[[], Options]
    narrow: str | Callable[[Rows, str], Rows]
    open: bool | Callable[[str], bool] = False

    def takes(self, value: str) -> bool:
        """Whether a value beyond its options counts."""
        return self.open(value) if callable(self.open) else self.open

    def offered(self) -> Options:
        """The pairs."""
        return self.options() if callable(self.options) else self.options


@dataclass(frozen=True)
class Switch:
    """Yes or not said: a box to tick. `narrow(rows, user)` is what yes means."""

    name: str
    label: str
    narrow: Callable[[Rows, User], Rows]


@dataclass(frozen=True)
class Given:
    """What only a link says, such as the group of a job: shown as a chip that can be taken away.

    `label(value)` words it; `narrow` as for a choice.
    """

    name: str
    label: Callable[[str], str]
    narrow: str | Callable[[Rows, str], Rows]


Filter = Choice | Switch | Given


@dataclass(frozen=True)
class Sort:
    """One order: fields or expressions, ended by something unique, or rows would jump between pages.

    Those of `first` come before all others, in the same order: for the few that matter now, where sorting every row
    would take too long. `only` is what the order has a place for. With a `label` the order is offered in the bar, for
    lists without columns to click on. An order that depends on what stands in the database now is asked for when it is used.
    """

    order: tuple[Any, ...] | Callable[[], tuple[Any, ...]]
    first: Q | None = None
    only: Q | None = None
    label: str = ""

    def terms(self) -> tuple[Any, ...]:
        """What to order by."""
        return self.order() if callable(self.order) else self.order


@dataclass(frozen=True)
class Column:
    """A head of the table. `sort` names the order it stands for, whose reverse is `-sort`; `first` is the first click's.

    `wide` columns are left out on a phone; their cells carry the class `only-wide` too.
    """

    label: str
    sort: str = ""
    first: str = "asc"
    num: bool = False
    wide: bool = False
    hidden: bool = False
    """Named for assistive technology only, such as the column of buttons."""

    @property
    def css(self) -> str:
        """Its classes."""
        return " ".join(name for name, on in (("num", self.num), ("only-wide", self.wide)) if on)


@dataclass(frozen=True)
class Empty:
    """What an empty list says: what is missing, and the next step."""

    title: str
    text: str
    icon: str = ""
    action_url: str = ""
    action_label: str = ""


@dataclass(frozen=True)
class Bulk:
    """Something done to the chosen rows: a button that posts to `url`, whose view asks `ListPage.chosen` for them.

    Shown to members of `role`. With a `template` the fields the action needs stand before the button.
    """

    url: str
    label: str
    icon: str = ""
    role: str = Role.RESEARCHER
    danger: bool = False
    template: str = ""


def options(choices: Any) -> Options:
    """(value, label) pairs of a class of choices."""
    return [(str(value), str(label)) for value, label in choices.choices]
