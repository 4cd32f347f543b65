"""What let somebody in, kept small enough to ask about many of them at once whether it still holds."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.core.models import ApiKey, User


@dataclass(frozen=True)
class Admission:
    """A session, a key or a token, as of when it was looked at.

    `mark` changes with the member's password and whenever all their doors are shut; a key made by a person has none.
    """

    user_id: str
    mark: str | None = None
    session_key: str | None = None
    key_id: str | None = None
    ends_at: datetime | None = None


def mark_of(user: User) -> str:
    """What the admissions of a member are held against."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:16]


def those_that_hold(admissions: Collection[Admission]) -> set[Admission]:
    """Those that would be let in again now. Three statements at most, however many there are."""
    now = timezone.now()
    users = {user.pk: mark_of(user) for user in _active_users({one.user_id for one in admissions})}
    keys = _in_force({one.key_id for one in admissions if one.key_id}, now)
    sessions = _alive({one.session_key for one in admissions if one.session_key}, now)
    return {
        one
        for one in admissions
        if one.user_id in users
        and one.mark in {None, users[one.user_id]}
        and (one.ends_at is None or one.ends_at > now)
        and (one.key_id is None or one.key_id in keys)
        and (one.session_key is None or one.session_key in sessions)
        and (one.mark or one.key_id or not settings.CONFIG.enable_auth)
    }


def _active_users(ids: set[str]) -> list[User]:
    return list(User.objects.filter(pk__in=ids, is_active=True).only("password", "access_generation"))


def _in_force(ids: set[str], now: datetime) -> set[str]:
    if not ids:
        return set()
    rows = ApiKey.objects.filter(pk__in=ids, revoked_at__isnull=True).exclude(expires_at__lte=now)
    return set(rows.values_list("pk", flat=True))


def _alive(session_keys: set[str], now: datetime) -> set[str]:
    if not session_keys:
        return set()
    rows = Session.objects.filter(session_key__in=session_keys, expire_date__gt=now)
    return set(rows.values_list("session_key", flat=True))
