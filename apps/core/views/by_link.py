"""What a session remembers of the one-time link it began with: for an hour, it may set a password without the old one."""

from __future__ import annotations

import time

from django.http import HttpRequest

_KEY = "came_by_link_at"
_GOOD_FOR_SECONDS = 3600.0


def remember_link(request: HttpRequest) -> None:
    """This session began with a link, now."""
    request.session[_KEY] = time.time()


def came_by_link(request: HttpRequest) -> bool:
    """Whether it began with one a short while ago. Later, somebody else may sit there."""
    began = request.session.get(_KEY)
    return isinstance(began, float) and 0 <= time.time() - began < _GOOD_FOR_SECONDS


def forget_link(request: HttpRequest) -> None:
    """The password is set; the next change asks for it."""
    request.session.pop(_KEY, None)
