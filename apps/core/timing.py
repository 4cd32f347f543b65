"""What the server spent on a request, in the answer's `Server-Timing`: browsers show it beside the network's times."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty


@dataclass
class Spent:
    """Of one request. Threads that work for it share the object, for they run in copies of its context."""

    began: float = field(default_factory=time.perf_counter)
    statements: int = 0
    seconds_in_database: float = 0.0

    def header(self) -> str:
        """`total;dur=12.3, db;dur=4.5;desc="7 statements"`, in milliseconds."""
        total = 1000 * (time.perf_counter() - self.began)
        noun = "statement" if self.statements == 1 else "statements"
        return f'total;dur={total:.1f}, db;dur={1000 * self.seconds_in_database:.1f};desc="{self.statements} {noun}"'


_spent: ContextVar[Spent | None] = ContextVar("spent", default=None)


def count_statements(connection: BaseDatabaseWrapper, **_kwargs: Any) -> None:
    """Have a new connection book its statements on the request they are made for."""
    if _book not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _book)


def _book(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    spent = _spent.get()
    if spent is None:
        return execute(sql, params, many, context)
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        spent.statements += 1
        spent.seconds_in_database += time.perf_counter() - began


class ServerTimingMiddleware:
    """Tells members what their request cost. Strangers learn nothing: times and counts may tell who has an account."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Measure until the response's head is ready; a stream's body is not in it."""
        if self.is_async:
            return self._acall(request)
        token = _spent.set(spent := Spent())
        try:
            return _told(spent, request, self.get_response(request))
        finally:
            _spent.reset(token)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        token = _spent.set(spent := Spent())
        try:
            return _told(spent, request, await self.get_response(request))
        finally:
            _spent.reset(token)


def _told(spent: Spent, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    user = getattr(request, "user", None)
    unasked = isinstance(user, LazyObject) and user._wrapped is empty  # asking now would cost a statement
    if user is not None and not unasked and user.is_authenticated:
        response.headers["Server-Timing"] = spent.header()
    return response
