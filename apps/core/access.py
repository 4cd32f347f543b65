"""Who may do what. A lab is one team: members see everything; roles and ownership decide about changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import urlencode

from apps.core.errors import Forbidden, Unauthorized
from apps.core.models import Role, User

SCOPES = ("read", "write", "admin")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    Role.VIEWER: frozenset({"read"}),
    Role.RESEARCHER: frozenset({"read", "write"}),
    Role.CURATOR: frozenset({"read", "write"}),
    Role.ADMIN: frozenset(SCOPES),
}
_ARTICLE = {Role.VIEWER: "a viewer", Role.RESEARCHER: "a researcher", Role.CURATOR: "a curator", Role.ADMIN: "an admin"}

P = ParamSpec("P")


def scopes_of(user: User) -> frozenset[str]:
    """Everything this member's role allows a session or a key to do."""
    return frozenset(SCOPES) if user.is_superuser else _SCOPES_OF_ROLE[user.role]


def scope_needed(method: str | None) -> str:
    """Reading needs `read`, everything else `write`."""
    return "read" if method in SAFE_METHODS else "write"


def member(request: HttpRequest) -> User:
    """The signed-in member behind a request; `Unauthorized` when there is none."""
    return require_role(request.user, Role.VIEWER)


def require_role(user: User | AnonymousUser, role: str) -> User:
    """The member, when their role includes `role`; `Unauthorized` or `Forbidden` otherwise."""
    if not user.is_authenticated:
        raise Unauthorized("Sign in first.")
    if not user.has_role(role):
        raise Forbidden(f"This needs {_ARTICLE[Role(role)]}; you are {_ARTICLE[Role(user.role)]}. Ask an admin.")
    return user


def require_owner(user: User | AnonymousUser, owner_id: str | None) -> User:
    """The member, when they may write and own the thing, or are an admin."""
    actor = require_role(user, Role.RESEARCHER)
    if actor.pk != owner_id and not actor.has_role(Role.ADMIN):
        raise Forbidden("Only its owner or an admin may do this.")
    return actor


def is_owner(user: User | AnonymousUser, owner_id: str | None) -> bool:
    """Whether `require_owner` would let them pass; for pages that hide what would be refused."""
    try:
        require_owner(user, owner_id)
    except (Unauthorized, Forbidden):
        return False
    return True


def page_role(
    role: str = Role.VIEWER,
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponseBase]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]
]:
    """For page views: strangers are led to the login page and back, members without the role get a 403 page."""

    def decorate(
        view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_login(request)
            require_role(request.user, role)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _to_login(request: HttpRequest) -> HttpResponse:
    """To the login page; a fragment request tells the page around it to go there."""
    login = resolve_url(settings.LOGIN_URL)
    if not cast(Any, request).htmx:
        return redirect_to_login(request.get_full_path(), login)
    try:
        current = urlsplit(request.headers.get("HX-Current-URL", "/"))
        here = current.path + (f"?{current.query}" if current.query else "")
    except ValueError:  # no address at all
        here = "/"
    return HttpResponse(status=401, headers={"HX-Redirect": f"{login}?{urlencode({'next': here})}"})
