"""A member's own pages: profile, password, API keys."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.core.access import member, page_role
from apps.core.accounts import api_key_create, api_key_of, api_key_revoke, api_keys, password_set
from apps.core.accounts.keys import with_those_made
from apps.core.errors import TerrariumError
from apps.core.forms import ApiKeyForm, ProfileForm
from apps.core.models import User
from apps.core.throttle import forgive, spend
from apps.core.views.by_link import came_by_link, forget_link

_SHOWN_KEYS = 200


@page_role()
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Who you are here, and your keys."""
    user = member(request)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=["first_name", "last_name", "email"])
        messages.success(request, "Profile saved.")
        return redirect("core:account")
    return _account_page(request, user, status=422 if form.errors else 200, profile=form)


@page_role()
@require_POST
@never_cache
def api_key_new(request: HttpRequest) -> HttpResponse:
    """Make a key and show its text, this once."""
    user = member(request)
    form = ApiKeyForm(request.POST, owner=user)
    if not form.is_valid():
        return _account_page(request, user, status=422, key_form=form)
    data = form.cleaned_data
    try:
        key, text = api_key_create(owner=user, name=data["name"], scopes=data["scopes"], expires_at=form.expires_at)
    except TerrariumError as error:
        form.add_error(None, error.message)
        return _account_page(request, user, status=error.status, key_form=form)
    return _account_page(request, user, status=201, new_key=key, new_key_text=text)


@page_role()
@require_POST
def api_key_end(request: HttpRequest, key_id: str) -> HttpResponse:
    """Revoke one of your keys."""
    key = api_key_of(member(request), key_id)
    made = api_key_revoke(key=key)
    messages.success(
        request, f"{key.name} is revoked{with_those_made(made)}. Programs that use it are refused from now on."
    )
    return redirect("core:account")


@sensitive_post_parameters()
@never_cache
@page_role()
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Set or change the password; whoever came by a link just now has none to repeat, or has forgotten it."""
    user = member(request)
    asks_old = user.has_usable_password() and not came_by_link(request)
    tries = f"password:{user.pk}"
    if request.method == "POST" and asks_old:
        spend(
            tries, limit=settings.CONFIG.login_attempts_per_minute, message="Too many attempts to change the password."
        )
    form_class: Any = PasswordChangeForm if asks_old else SetPasswordForm
    form = form_class(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        password_set(user=user, password=form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)
        forget_link(request)
        forgive(tries)
        messages.success(
            request, "Password saved. Your other sessions, tokens and login links have ended; API keys go on."
        )
        return redirect("core:account")
    context = {"form": form, "asks_old": asks_old, "is_first": not user.has_usable_password()}
    return render(request, "accounts/password.html", context, status=422 if form.errors else 200)


def _account_page(
    request: HttpRequest,
    user: User,
    *,
    status: int = 200,
    profile: ProfileForm | None = None,
    key_form: ApiKeyForm | None = None,
    **more: Any,
) -> HttpResponse:
    context = {
        "profile": profile or ProfileForm(instance=user),
        "key_form": key_form or ApiKeyForm(owner=user),
        "keys": api_keys(user).select_related("parent")[:_SHOWN_KEYS],
        **more,
    }
    return render(request, "accounts/account.html", context, status=status)
