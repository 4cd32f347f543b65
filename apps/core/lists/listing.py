"""One reading of a list's address by one member: what it asks for, the rows, and the addresses that lead on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.http import QueryDict

from apps.core.lists.declaration import PAGE, SIZE, SORT, Declaration
from apps.core.lists.declared import Bulk, Choice, Column, Empty, Filter, Given, Options, Rows, Sort, Switch
from apps.core.models import User
from apps.core.pagination import page_number, page_numbers
from apps.core.words import count, plural

MAX_TEXT = 200


def clean(text: str) -> str:
    """A parameter as it may be looked up: no NUL, which PostgreSQL refuses, and of reasonable length."""
    return text.replace("\x00", "").strip()[:MAX_TEXT]


class Listing:
    """The state of a list. What the address says and cannot be used is said in `problems` and left out."""

    def __init__(
        self,
        page: Declaration,
        query: QueryDict,
        user: User,
        *,
        path: str,
        rows: Rows | None = None,
        options: Mapping[str, Options] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.page, self.user, self.path = page, user, path
        self.more = dict(more or {})
        self.problems: list[str] = []
        self._rows = rows
        self._options = dict(options or {})
        self._said = {name: clean(query.get(name, "")) for name in page.parameters}
        self.text = self._said[page.search.name] if page.search else ""
        self.values = {one.name: self._value(one) for one in page.filters}
        self.sort = self._sort()
        self.size = self._size()

    @property
    def name(self) -> str:
        """The id of the part of the page that changes."""
        return self.page.name

    @property
    def title(self) -> str:
        """What the list is called."""
        return self.page.title

    @property
    def noun(self) -> str:
        """What one of its rows is called."""
        return self.page.one

    # What the address asks for

    def _value(self, one: Filter) -> str:
        said = self._said[one.name]
        if not said or isinstance(one, Given):
            return said
        if isinstance(one, Switch):
            return "1" if said == "1" else self._unusable(f"{one.label} is 1 or left out, not “{said}”.")
        if one.takes(said) or any(value == said for value, _ in self.options(one)):
            return said
        return self._unusable(f"There is no {one.label.lower()} “{said}”; the list is shown without it.")

    def _sort(self) -> str:
        said = self._said[SORT]
        if said and said not in self.page.sorts:
            self._unusable(f"The list has no order “{said}”; it is shown in its usual one.")
        return said if said in self.page.sorts else self.page.first_sort

    def _size(self) -> int:
        said = self._said[SIZE]
        if said and said not in {str(size) for size in self.page.sizes}:
            self._unusable(f"A page has {', '.join(map(str, self.page.sizes))} rows, not “{said}”.")
            said = ""
        return int(said or self.page.page_size)

    def _unusable(self, words: str) -> str:
        self.problems.append(words)
        return ""

    @cached_property
    def number(self) -> int:
        """The page shown: the one asked for, or the nearest there is."""
        said = self._said[PAGE]
        if not said:
            return 1
        asked = page_number(said)
        if asked is None:
            self._unusable(f"“{said}” is no page; this is the first.")
            return 1
        if asked > self.pages:
            self._unusable(f"There is no page {count(asked)}; this is the last.")
        return min(asked, self.pages)

    # The rows

    @cached_property
    def queryset(self) -> Rows:
        """Every row that matches, without an order."""
        rows = self.page.base(self.user) if self._rows is None else self._rows
        if self.page.search and self.text:
            rows = self.page.search.narrow(rows, self.text)
        for one in self.page.filters:
            value = self.values[one.name]
            if value:
                rows = _narrowed(rows, one, value, self.user)
        return rows.filter(self._order.only) if self._order.only is not None else rows

    @property
    def _order(self) -> Sort:
        return self.page.sorts[self.sort]

    @cached_property
    def total(self) -> int:
        """How many match."""
        return self.queryset.count()

    @property
    def pages(self) -> int:
        """How many pages they fill; one at least."""
        return max(1, -(-self.total // self.size))

    @cached_property
    def items(self) -> Sequence[Any]:
        """The rows of this page, as the row's template takes them."""
        start = (self.number - 1) * self.size
        found = self._slice(start, start + self.size) if self.total else []
        return self.page.present(found, self.user)

    def _slice(self, start: int, stop: int) -> list[Any]:
        rows, first = self.queryset.order_by(*self._order.terms()), self._order.first
        if first is None:
            return list(rows[start:stop])
        ahead = rows.filter(first)
        number = ahead.count()
        found = list(ahead[start:stop]) if start < number else []
        if stop > number:
            found += rows.filter(~Q(first))[max(0, start - number) : stop - number]
        return found

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing at all, so nothing to narrow either."""
        return not self.total and not self.is_narrowed

    @property
    def is_narrowed(self) -> bool:
        """Whether anything narrows the list."""
        return bool(self.text or any(self.values.values()))

    @property
    def said(self) -> str:
        """How many there are, in words: "563 jobs match", "1 job matches"."""
        words = plural(self.total, self.page.noun)
        return f"{words} match{'es' if self.total == 1 else ''}" if self.is_narrowed else words

    @property
    def span(self) -> str:
        """Which of them are shown: "51–100 of 563"."""
        start = (self.number - 1) * self.size
        last = min(start + self.size, self.total)
        return f"{count(start + 1)}–{count(last)} of {plural(self.total, self.page.noun)}"

    # The bar and the heads

    def options(self, one: Choice) -> Options:
        """What a choice offers, read once; a chosen value beyond that is offered as itself."""
        if one.name not in self._options:
            self._options[one.name] = list(one.offered())
        offered = self._options[one.name]
        said = self._said[one.name]
        if said and one.takes(said) and all(value != said for value, _ in offered):
            return [*offered, (said, said)]
        return offered

    @property
    def choices(self) -> Iterator[dict[str, Any]]:
        """The selects of the bar: those that offer anything."""
        for one in self.page.filters:
            if isinstance(one, Choice) and (offered := self.options(one)):
                yield {"name": one.name, "label": one.label, "value": self.values[one.name], "options": offered}

    @property
    def switches(self) -> list[dict[str, Any]]:
        """The boxes of the bar."""
        return [
            {"name": one.name, "label": one.label, "on": self.values[one.name]}
            for one in self.page.filters
            if isinstance(one, Switch)
        ]

    @property
    def orders(self) -> list[tuple[str, str]]:
        """The orders the bar offers, for lists without heads to click on."""
        return [(name, sort.label) for name, sort in self.page.sorts.items() if sort.label]

    @property
    def chips(self) -> list[dict[str, str]]:
        """What only a link says, each with the address without it."""
        return [
            {"label": one.label(self.values[one.name]), "url": self.at(**{one.name: None})}
            for one in self.page.filters
            if isinstance(one, Given) and self.values[one.name]
        ]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the bar's form carries along: whatever it does not itself ask for."""
        asked = {self.page.search.name} if self.page.search else set()
        asked |= {one.name for one in self.page.filters if not isinstance(one, Given)}
        asked |= {SORT} if self.orders else set()
        return [(name, value) for name, value in self._state().items() if name not in {*asked, PAGE, SIZE}]

    @property
    def heads(self) -> list[dict[str, Any]]:
        """The heads of the table with the addresses that sort by them."""
        return [self._head(column) for column in self.page.columns]

    def _head(self, column: Column) -> dict[str, Any]:
        state, following = "", ""
        if column.sort:
            up, down = column.sort, f"-{column.sort}"
            state = {up: "ascending", down: "descending"}.get(self.sort, "")
            following = {"ascending": down, "descending": up, "": down if column.first == "desc" else up}[state]
        return {"column": column, "state": state, "url": self.at(sort=following) if following else ""}

    @property
    def sizes(self) -> Sequence[int]:
        """The page sizes to choose from: none where the smallest page shows all."""
        return self.page.sizes if self.total > min(self.page.sizes) else ()

    @property
    def links(self) -> list[dict[str, Any]]:
        """The pages to go to; a gap has no number."""
        if self.pages == 1:
            return []
        return [
            {"number": number, "url": self.at(page=number) if number else "", "current": number == self.number}
            for number in page_numbers(self.number, self.pages)
        ]

    @cached_property
    def bulk(self) -> list[Bulk]:
        """What this member may do to many at once."""
        offered = self.page.bulk() if callable(self.page.bulk) else self.page.bulk
        return [one for one in offered if self.user.has_role(one.role)]

    @property
    def empty(self) -> Empty:
        """What to say where there is nothing."""
        return self.page.empty(self.user)

    @cached_property
    def live_key(self) -> str | None:
        """What its live page is told to follow; None when nothing moves."""
        return self.page.live_key(self) if self.page.live else None

    # Addresses

    def _state(self) -> dict[str, str]:
        """The parameters that are not as usual, in a stable order."""
        state = {name: self._said[name] for name in self.page.keep}
        if self.page.search:
            state[self.page.search.name] = self.text
        state |= self.values
        state[SORT] = self.sort if self.sort != self.page.first_sort else ""
        state[SIZE] = str(self.size) if self.size != self.page.page_size else ""
        state[PAGE] = str(self.number) if self.number > 1 else ""
        return {name: value for name, value in state.items() if value}

    @property
    def query(self) -> str:
        """The state as a query string."""
        return _encoded(self._state())

    @property
    def here(self) -> str:
        """This list as it stands."""
        return self.at(page=self.number)

    @property
    def start(self) -> str:
        """The list without anything that narrows it."""
        return self.path + _with_mark(_encoded({name: v for name in self.page.keep if (v := self._said[name])}))

    def at(self, **changes: object) -> str:
        """This list with some of its state changed, from its first page unless a page is said; None takes away."""
        state: dict[str, Any] = {**self._state(), PAGE: None, **changes}
        if state.get(SORT) == self.page.first_sort:
            state[SORT] = None
        if state.get(PAGE) == 1:
            state[PAGE] = None
        return self.path + _with_mark(_encoded({name: str(v) for name, v in state.items() if v not in (None, "")}))


def _narrowed(rows: Rows, one: Filter, value: str, user: User) -> Rows:
    if isinstance(one, Switch):
        return one.narrow(rows, user)
    return rows.filter(**{one.narrow: value}) if isinstance(one.narrow, str) else one.narrow(rows, value)


def _encoded(state: Mapping[str, str]) -> str:
    query = QueryDict(mutable=True)
    for name, value in state.items():
        query[name] = value
    return query.urlencode()


def _with_mark(query: str) -> str:
    return f"?{query}" if query else ""
