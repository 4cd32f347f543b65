"""Signing in by password, at a pace no guesser can use."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest

from apps.core.errors import Unauthorized
from apps.core.models import User
from apps.core.throttle import client_address, forgive, spend

_PER_ADDRESS = 10
"""How many times one address may try what one member may: several people behind one router, not a dictionary."""


def check_password_throttled(request: HttpRequest, *, username: str, password: str) -> User:
    """The member with that name and password; `Unauthorized` or `Throttled`.

    The answer to an unknown name takes as long as a wrong password and reads the same.
    """
    address = client_address(request)
    limit = settings.CONFIG.login_attempts_per_minute
    bucket = f"login:{address}:{username.casefold()}"
    spend(bucket, limit=limit, message="Too many attempts to sign in as this member.")
    spend(f"login:{address}", limit=limit * _PER_ADDRESS, message="Too many attempts to sign in from your address.")
    found = authenticate(request, username=username, password=password) if "\x00" not in username else None
    if not isinstance(found, User):
        raise Unauthorized("Name and password do not match an active account.")
    forgive(bucket)
    return found
