"""Takes the log's end before a view reads its data, so that a page's stream continues exactly where its data ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.core.live.log import head_cursor

_WITHOUT_PAGES = ("/api/", "/v1/", "/admin/", "/healthz", settings.STATIC_URL)


class LiveCursorMiddleware:
    """Sets `request.live_cursor` for whoever may see a page; one small query. `{% live_page %}` reads it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Nothing to do around the view."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> None:
        """Just before the view; not for strangers, who are shown nothing that moves."""
        known = settings.SESSION_COOKIE_NAME in request.COOKIES or not settings.CONFIG.enable_auth
        if known and not request.path.startswith(_WITHOUT_PAGES):
            request.live_cursor = head_cursor()  # type: ignore[attr-defined]
