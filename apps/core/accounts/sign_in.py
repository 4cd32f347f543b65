"""Signing in by password, at a pace no guesser can use."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest

from apps.core.addresses import client_network
from apps.core.errors import Unauthorized
from apps.core.models import User
from apps.core.throttle import DAY, HOUR, forgive, give_back, remember, remembers, spend

_PER_ADDRESS = 10
"""How many times one address may try what one member may: several people behind one router, not a dictionary."""

_KNOWN_FOR = 30 * DAY
_TOO_MANY = "Too many attempts to sign in as this member."


def check_password_throttled(request: HttpRequest, *, username: str, password: str) -> User:
    """The member with that name and password; `Unauthorized` or `Throttled`.

    Counted for the name from this address, for the address, and for the name from anywhere: somebody with many
    addresses is held too. An address the member has signed in from has a count of its own, so that a guesser
    elsewhere cannot keep them out. The answer to an unknown name takes as long as a wrong password and reads the same.
    """
    where, name = client_network(request), username.casefold()
    config = settings.CONFIG
    here = f"login:{where}:{name}"
    known = f"known:{where}:{name}"
    anywhere = f"account:{where if remembers(known) else ''}:{name}"
    spend(here, limit=config.login_attempts_per_minute, message=_TOO_MANY)
    spend(
        f"login:{where}",
        limit=config.login_attempts_per_minute * _PER_ADDRESS,
        message="Too many attempts to sign in from your address.",
    )
    spend(anywhere, limit=config.login_attempts_per_hour, message=_TOO_MANY, seconds=HOUR)
    found = authenticate(request, username=username, password=password) if "\x00" not in username else None
    if not isinstance(found, User):
        raise Unauthorized("Name and password do not match an active account.")
    forgive(here)
    give_back(anywhere, seconds=HOUR)
    remember(known, seconds=_KNOWN_FOR)
    return found
