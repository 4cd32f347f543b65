"""Members of the lab, for admins: invite, change roles, shut and open doors."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
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
from apps.core.models import Role

_PAGE_SIZE = 50


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
    search = request.GET.get("q", "").strip()
    found = users().filter(username__icontains=search) if search else users()
    context = {
        "page_obj": Paginator(found, _PAGE_SIZE).get_page(request.GET.get("page")),
        "search": search,
        "invite": invite or InviteForm(),
        "roles": Role.choices,
        **more,
    }
    return render(request, "accounts/people.html", context, status=status)


def _base_url(request: HttpRequest) -> str:
    """Links lead to where the admin reaches this place; the host has been checked against the allowed ones."""
    return f"{request.scheme}://{request.get_host()}"
