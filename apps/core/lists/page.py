"""What a view does with a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from apps.core.access import member
from apps.core.errors import Invalid
from apps.core.lists.declaration import Declaration
from apps.core.lists.declared import Options, Rows
from apps.core.lists.listing import Listing, clean
from apps.core.models import User
from apps.core.words import plural

MAX_CHOSEN = 10_000
"""Most rows one action may be asked to change."""


@dataclass(frozen=True, kw_only=True)
class ListPage(Declaration):
    """A list of one kind of thing, as `Declaration` says, and its answers to requests."""

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
