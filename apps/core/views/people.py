"""Members of the lab, for admins: invite, change roles, shut and open doors."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.core.access import member, page_role
from apps.core.accounts import (
    user_activate,
    user_deactivate,
    user_get,
    user_invite,
    user_new_link,
    user_role_set,
    users,
)
from apps.core.errors import TerrariumError
from apps.core.forms import InviteForm
from apps.core.lists import Choice, Column, Empty, ListPage, Search, Sort, options
from apps.core.models import Role

PEOPLE = ListPage(
    name="people",
    title="Members",
    noun="member",
    url="core:users",
    rows=lambda _user: users(),
    search=Search(
        "Name or email", lambda rows, text: rows.filter(Q(username__icontains=text) | Q(email__icontains=text))
    ),
    filters=(
        Choice("role", "Role", options(Role), "role"),
        Choice(
            "state",
            "State",
            (("active", "Active"), ("deactivated", "Deactivated")),
            lambda rows, state: rows.filter(is_active=state == "active"),
        ),
    ),
    sorts={
        "name": Sort(("username",)),
        "-name": Sort(("-username",)),
        "seen": Sort((F("last_login").asc(nulls_first=True), "username")),
        "-seen": Sort((F("last_login").desc(nulls_last=True), "username")),
    },
    first_sort="name",
    columns=(
        Column("Name", sort="name"),
        Column("Role"),
        Column("Last signed in", sort="seen", first="desc", wide=True),
        Column("State", wide=True),
        Column("Actions", hidden=True),
    ),
    row="accounts/_person_row.html",
    nothing=Empty("Nobody is here", "Invite somebody."),
    loosen="Nobody has a name like that. Fewer letters, or another role.",
)


@require_safe
@page_role("admin")
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, searchable."""
    return _people_page(request)


@require_POST
@never_cache
@page_role("admin")
def person_invite(request: HttpRequest) -> HttpResponse:
    """Add a member and show their link, this once."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _people_page(request, status=422, invite=form)
    try:
        user, link = user_invite(by=member(request), base_url=_base_url(request), **form.cleaned_data)
    except TerrariumError as error:
        field = (error.details or {}).get("field")
        form.add_error(field if field in form.fields else None, error.message)
        return _people_page(request, status=error.status, invite=form)
    return _people_page(request, status=201, link=link, link_of=user)


@require_POST
@never_cache
@page_role("admin")
def person_link(request: HttpRequest, user_id: str) -> HttpResponse:
    """Another link for somebody who cannot sign in."""
    user = user_get(user_id)
    link = user_new_link(by=member(request), user=user, base_url=_base_url(request))
    return _people_page(request, status=201, link=link, link_of=user)


@require_POST
@page_role("admin")
def person_role(request: HttpRequest, user_id: str) -> HttpResponse:
    """Give somebody another role."""
    user = user_role_set(by=member(request), user=user_get(user_id), role=request.POST.get("role", ""))
    messages.success(request, f"{user.username} is now {user.get_role_display().lower()}.")
    return redirect("core:users")


@require_POST
@page_role("admin")
def person_deactivate(request: HttpRequest, user_id: str) -> HttpResponse:
    """Shut somebody's doors."""
    user = user_deactivate(by=member(request), user=user_get(user_id))
    messages.success(
        request, f"{user.username} is signed out everywhere and cannot come back in. What they made stays."
    )
    return redirect("core:users")


@require_POST
@page_role("admin")
def person_activate(request: HttpRequest, user_id: str) -> HttpResponse:
    """Open them again."""
    user = user_activate(by=member(request), user=user_get(user_id))
    messages.success(request, f"{user.username} can sign in again.")
    return redirect("core:users")


def _people_page(
    request: HttpRequest, *, status: int = 200, invite: InviteForm | None = None, **more: Any
) -> HttpResponse:
    more |= {"invite": invite or InviteForm(), "roles": Role.choices}
    return PEOPLE.respond(request, "accounts/people.html", status=status, **more)


def _base_url(request: HttpRequest) -> str:
    """Links lead to where the admin reaches this place; the host has been checked against the allowed ones."""
    return f"{request.scheme}://{request.get_host()}"
