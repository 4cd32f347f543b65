"""Coming in and going out: password, one-time link, sign out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core.accounts import check_password_throttled, login_link_consume, login_link_peek
from apps.core.addresses import client_address, client_network, is_here
from apps.core.best_effort import best_effort
from apps.core.errors import Forbidden, Throttled, Unauthorized
from apps.core.failures import error_headers
from apps.core.forms import SignInForm
from apps.core.models import User
from apps.core.returning import ours
from apps.core.throttle import spend
from apps.core.views.by_link import remember_link

_BACKEND = "apps.core.accounts.backend.RoleBackend"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The login page."""
    target = _safe_next(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = SignInForm(request.POST or None)
    context = {"form": form, "next": target, "port": settings.CONFIG.api_port}
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/sign_in.html", context, status=422 if form.errors else 200)
    try:
        user = check_password_throttled(request, **form.cleaned_data)
    except (Unauthorized, Throttled) as error:
        form.add_error(None, error.message)
        response = render(request, "accounts/sign_in.html", context, status=error.status)
        for name, value in error_headers(error).items():
            response[name] = value
        return response
    _let_in(request, user)
    return HttpResponseRedirect(target)


@require_safe
def sign_in_to_admin(request: HttpRequest) -> HttpResponse:
    """The Django admin's own login page counts no attempts, so its address leads to ours."""
    if request.user.is_authenticated:
        raise Forbidden("The admin is for curators and admins. Ask an admin for the role.")
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"), reverse("core:login"))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session. Only by POST, so that no image on another site can do it."""
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """A one-time link: opening it shows whom it signs in, the button uses it up. So a link preview uses nothing.

    Somebody signed in may use one too: who forgot the password is still signed in somewhere, most often.
    """
    if not settings.CONFIG.enable_auth:
        return redirect(settings.LOGIN_REDIRECT_URL)
    address = client_address(request)
    spend(
        f"link:{client_network(request)}",
        limit=settings.CONFIG.login_attempts_per_minute * 6,
        message="Too many login links tried.",
    )
    if request.method != "POST":
        return render(request, "accounts/link.html", {"link": login_link_peek(token, address=address)})
    user = login_link_consume(token, address=address)
    _let_in(request, user)
    remember_link(request)
    newcomer = not user.has_usable_password() and not is_here(address)
    wants_password = request.POST.get("then") == "password"
    return redirect("core:password" if newcomer or wants_password else settings.LOGIN_REDIRECT_URL)


def _let_in(request: HttpRequest, user: User) -> None:
    """A fresh session, so that none can be planted; those that have ended are swept away meanwhile."""
    login(request, user, backend=_BACKEND)
    with best_effort("The end of old sessions"):
        Session.objects.filter(expire_date__lt=timezone.now()).delete()


def _safe_next(request: HttpRequest) -> str:
    """Where to go afterwards; never to another site."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    return target if ours(request, target) else settings.LOGIN_REDIRECT_URL
