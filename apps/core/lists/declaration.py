"""The declaration of a list as a whole. What a view does with it is in `page`, one reading of it in `listing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apps.core.lists.declared import Bulk, Column, Empty, Filter, Rows, Search, Sort
from apps.core.models import User

PAGE, SORT, SIZE = "page", "sort", "size"


def _query(listing: Any) -> str:
    return str(listing.query)


def _as_they_are(rows: Sequence[Any], _user: User) -> Sequence[Any]:
    return rows


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A list of one kind of thing.

    `name` is the id of the part of the page that changes, `noun` what one of its rows is called ("family,families"),
    `rows` every row a member may see. `present` turns the rows of a page into what their template takes, in a fixed
    number of statements. A table needs `columns` and `row`, the template of one row; anything else brings a `body`.
    """

    name: str
    noun: str
    title: str
    sorts: Mapping[str, Sort]
    first_sort: str
    url: str = ""
    rows: Callable[[User], Rows] | None = None
    search: Search | None = None
    filters: Sequence[Filter] = ()
    columns: Sequence[Column] = ()
    row: str = ""
    body: str = "components/list_table.html"
    present: Callable[[Sequence[Any], User], Sequence[Any]] = _as_they_are
    page_size: int = 50
    sizes: Sequence[int] = (25, 50, 100, 200)
    keep: Sequence[str] = ()
    """Parameters of the page around the list, which its links carry along."""
    bulk: Sequence[Bulk] | Callable[[], Sequence[Bulk]] = ()
    """What can be done to many, or how to read it: apps above may add to a list below."""
    nothing: Empty | Callable[[User], Empty]
    """What a list without any row says."""
    loosen: str = "Loosen a filter or clear the search."
    """What a list narrowed to nothing says."""
    live: str = ""
    """The live page that moves it: one of `apps.core.lists.live_list`, or one of its own, which also brings
    `live_key(listing)`; None: nothing moves now."""
    live_key: Callable[[Any], str | None] = _query

    def __post_init__(self) -> None:
        if self.first_sort not in self.sorts:
            raise ValueError(f"The list {self.name!r} has no order {self.first_sort!r}, which is to be its first.")
        if len(set(self.parameters)) != len(self.parameters):
            raise ValueError(f"The list {self.name!r} uses a parameter twice: {', '.join(self.parameters)}.")

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Every parameter of the address that means something here."""
        text = (self.search.name,) if self.search else ()
        return (*text, *(one.name for one in self.filters), *self.keep, SORT, SIZE, PAGE)

    @property
    def one(self) -> str:
        """What one of its rows is called."""
        return self.noun.partition(",")[0]

    def base(self, user: User) -> Rows:
        """Every row there is for this member."""
        if self.rows is None:
            raise ValueError(f"The list {self.name!r} declares no rows, so its view must pass them.")
        return self.rows(user)

    def empty(self, user: User) -> Empty:
        """What the bare list says to this member."""
        return self.nothing if isinstance(self.nothing, Empty) else self.nothing(user)
