"""One shape for every list: `{items, total, page, page_size, pages}`, in a stated order, with true totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from ninja import Schema
from pydantic import Field

T = TypeVar("T")
M = TypeVar("M", bound=Model)

PAGE_SIZE = 20
MAX_PAGE_SIZE = 200
MAX_PAGE = 1_000_000


class PageQuery(Schema):
    """Which page is asked for. An endpoint takes it as `paging: Query[PageQuery]`."""

    page: int = Field(1, ge=1, le=MAX_PAGE, description="Counted from 1; a page past the end is empty.")
    page_size: int = Field(PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE, description="Items a page.")


class Page(Schema, Generic[T]):
    """One page of a list."""

    items: list[T]
    total: int = Field(ge=0)
    page: int = Field(ge=1)
    page_size: int = Field(ge=1, le=MAX_PAGE_SIZE)
    pages: int = Field(ge=0)


def paginate(
    queryset: QuerySet[M] | Sequence[Any], *, page: int, page_size: int, serialize: Callable[[Any], Any]
) -> dict[str, Any]:
    """One page of an ordered query (or a list), as `Page` has it; past the end: no items, the true total.

    Two statements whatever the size: the count, and the rows of the page.
    """
    if isinstance(queryset, QuerySet):
        if not queryset.ordered:
            raise ValueError("A list needs a stated, stable order: give the query an order_by().")
        total = queryset.count()
    else:
        total = len(queryset)
    start = (page - 1) * page_size
    rows = queryset[start : start + page_size] if start < total else []
    return {
        "items": [serialize(row) for row in rows],
        "total": total,
        "page": page,
        "page_size": page_size,
        "pages": -(-total // page_size),
    }


def page_number(said: str) -> int | None:
    """The page an address asks for; None when it says no page there can be."""
    usable = said.isascii() and said.isdigit() and len(said) <= len(str(MAX_PAGE)) and 1 <= int(said) <= MAX_PAGE
    return int(said) if usable else None


def page_numbers(page: int, pages: int) -> list[int | None]:
    """The pages to offer beside this one: the ends, the neighbours, None for a gap; 1 … 5 6 7 … 12."""
    wanted = sorted({1, pages, *range(max(1, page - 1), min(pages, page + 1) + 1)})
    found: list[int | None] = []
    for previous, number in zip([0, *wanted], wanted, strict=False):
        if number - previous == 2:
            found.append(number - 1)
        elif number - previous > 2:
            found.append(None)
        found.append(number)
    return found
