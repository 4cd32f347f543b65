"""Sessions that keep nobody from reading: what a page remembers is written down if it can be."""

from __future__ import annotations

import logging

from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpRequest, HttpResponse

from apps.core.access import SAFE_METHODS
from apps.core.best_effort import best_effort

logger = logging.getLogger(__name__)


class SessionMiddleware(DjangosMiddleware):
    """A request that only reads is answered whether or not its session could be saved."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save it, where there is something to save."""
        if request.method not in SAFE_METHODS or not request.session.modified:
            return super().process_response(request, response)
        try:
            with best_effort("what a page remembers"):
                return super().process_response(request, response)
        except SessionInterrupted as error:  # also what Django makes of a database that takes nothing
            logger.warning("what a page remembers was not noted: %s", error)
        return response
