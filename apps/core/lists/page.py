"""The declaration of a list, and what a view does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from apps.core.access import member
from apps.core.errors import Invalid
from apps.core.lists.declared import Bulk, Column, Empty, Filter, Options, Rows, Search, Sort
from apps.core.lists.listing import PAGE, SIZE, SORT, Listing, clean
from apps.core.models import User
from apps.core.words import plural

MAX_CHOSEN = 10_000
"""Most rows one action may be asked to change."""


def _query(listing: Listing) -> str:
    return listing.query


def _as_they_are(rows: Sequence[Any], _user: User) -> Sequence[Any]:
    return rows


@dataclass(frozen=True, kw_only=True)
class ListPage:
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
    bulk: Sequence[Bulk] = ()
    nothing: Empty | Callable[[User], Empty]
    """What a list without any row says."""
    loosen: str = "Loosen a filter or clear the search."
    """What a list narrowed to nothing says."""
    live: str = ""
    """The live page that moves it: one of `apps.core.lists.live_list`, or one of its own, which also brings
    `live_key`; None: nothing moves now."""
    live_key: Callable[[Listing], str | None] = _query

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

    def listing(self, query: QueryDict | str, user: User, **given: Any) -> Listing:
        """The list as `query` asks for it, outside a request."""
        asked = QueryDict(query) if isinstance(query, str) else query
        return Listing(self, asked, user, path=given.pop("path", "") or reverse(self.url), **given)

    def read(
        self,
        request: HttpRequest,
        *,
        rows: Rows | None = None,
        options: Mapping[str, Options] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Listing:
        """The list as this request asks for it. `rows` and `options` replace what the declaration leaves to the view;
        `more` is what the templates of rows and actions need besides."""
        return Listing(
            self, request.GET, member(request), path=self._path(request), rows=rows, options=options, more=more
        )

    def _path(self, request: HttpRequest) -> str:
        """Where the list is, also when what is answered is a form that was sent elsewhere."""
        return reverse(self.url) if self.url else request.path

    def respond(
        self, request: HttpRequest, template: str, listing: Listing | None = None, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        """The page, or for htmx the list alone: one fragment, drawn in both by `components/list.html`."""
        listing = listing or self.read(request)
        htmx = request.htmx  # type: ignore[attr-defined]
        alone = htmx.target == self.name
        # A page turned from the foot of the list goes on at its head, for the keyboard too.
        by_page = alone and htmx.boosted and not htmx.trigger
        context = {"listing": listing, "by_page": by_page, **listing.more, **more}
        response = render(request, "components/list.html" if alone else template, context, status=status)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response

    def chosen(self, request: HttpRequest, **given: Any) -> list[str]:
        """The ids an action's form names: those ticked, or all that match; `Invalid` when it names none, or too many."""
        if request.POST.get("all") == "1":
            listing = self.listing(request.POST.get("query", ""), member(request), **given)
            ids = [str(pk) for pk in listing.queryset.order_by().values_list("pk", flat=True)[: MAX_CHOSEN + 1]]
        else:
            ids = list(dict.fromkeys(clean(text) for text in request.POST.getlist("pick")))
        if not ids:
            raise Invalid(f"Choose at least one {self.noun.partition(',')[0]} first.", field="pick")
        if len(ids) > MAX_CHOSEN:
            words = plural(MAX_CHOSEN, self.noun)
            raise Invalid(f"More than {words} at once. Narrow the list and do it in parts.", field="pick")
        return ids
