"""API keys: `tk_<prefix>_<secret>`, shown once, kept as a hash, never stronger than their owner."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.access import SCOPES, scopes_of
from apps.core.accounts.admission import Admission, mark_of
from apps.core.best_effort import best_effort
from apps.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from apps.core.models import ApiKey, User

KEY_PREFIX = "tk_"
MAX_ACTIVE_KEYS = 50
_FORM = re.compile(r"tk_(?P<prefix>[0-9a-f]{12})_[0-9a-f]{48}", re.ASCII)
_LAST_USE_RESOLUTION = timedelta(minutes=1)


@transaction.atomic
def api_key_create(
    *,
    owner: User,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    maker: Admission | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is not kept and cannot be shown again.

    `maker` is the key or token that asks for it; the new key ends with it at the latest. Nothing: a person does.
    """
    name = name.strip()
    if not name:
        raise Invalid("Give the key a name that says which program uses it.", field="name")
    if len(name) > 100:
        raise Invalid("A key's name has at most 100 characters.", field="name")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise Invalid(f"Choose scopes among {', '.join(SCOPES)}.", field="scopes")
    beyond = sorted(set(scopes) - _grantable(owner))
    if beyond:
        raise Forbidden(f"Your role does not have the scope {', '.join(beyond)}, so no key of yours can.")
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise Invalid("The expiry is in the past.", field="expires_at")
    if maker is not None:
        expires_at = _within(maker, expires_at)
    if api_keys(owner).filter(_active(now)).count() >= MAX_ACTIVE_KEYS:
        raise Conflict(f"You have {MAX_ACTIVE_KEYS} active keys. Revoke one that is not used.")
    prefix = secrets.token_hex(6)
    text = f"{KEY_PREFIX}{prefix}_{secrets.token_hex(24)}"
    key = ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=prefix,
        secret_hash=_digest(text),
        scopes=[scope for scope in SCOPES if scope in scopes],
        expires_at=expires_at,
        parent_id=maker.key_id if maker else None,
        ends_with=(maker.mark or "") if maker else "",
    )
    return key, text


def _within(maker: Admission, expires_at: datetime | None) -> datetime | None:
    """When a key may end that `maker` makes. Holds the maker, so that it cannot be revoked meanwhile and miss its child."""
    if maker.key_id is not None:
        parent = ApiKey.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=maker.key_id).first()
        if parent is None or not is_active(parent):
            raise Unauthorized("The key that asks for this one has ended.")
    if maker.ends_at is None:
        return expires_at
    if expires_at is not None and expires_at > maker.ends_at:
        raise Invalid(
            f"What makes this key ends at {maker.ends_at:%Y-%m-%dT%H:%M:%SZ}, and the key with it. "
            "Leave the expiry away, or make the key signed in, on the page Account.",
            field="expires_at",
        )
    return expires_at or maker.ends_at


def _grantable(owner: User) -> frozenset[str]:
    """A key or token that makes a key cannot give it more than it has itself."""
    granted = scopes_of(owner)
    return granted if owner.granted_scopes is None else granted & owner.granted_scopes


@transaction.atomic
def api_key_revoke(*, key: ApiKey) -> int:
    """End a key at once, and every key made with it; how many those were. Rows stay, so that the list shows what was."""
    now = timezone.now()
    if not ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now):
        raise Conflict("This key is already revoked.")
    made = 0
    makers = [key.pk]
    while makers:
        made_with_them = ApiKey.objects.filter(parent_id__in=makers, revoked_at__isnull=True)
        makers = list(made_with_them.values_list("pk", flat=True))
        made += ApiKey.objects.filter(pk__in=makers).update(revoked_at=now)
    key.refresh_from_db()
    return made


def with_those_made(count: int) -> str:
    """In words, after "is revoked": how many went along."""
    return "" if not count else ", and one key made with it" if count == 1 else f", and {count} keys made with it"


def api_keys_revoke_all(*, owner: User) -> int:
    """End every key of a member; how many there were."""
    return ApiKey.objects.filter(owner=owner, revoked_at__isnull=True).update(revoked_at=timezone.now())


def api_keys(owner: User) -> QuerySet[ApiKey]:
    """A member's keys, newest first."""
    return ApiKey.objects.filter(owner=owner).order_by("-created_at", "-key_id")


def api_key_of(owner: User, key_id: str) -> ApiKey:
    """One of a member's own keys; somebody else's is as absent as one that never was."""
    key = api_keys(owner).filter(pk=key_id).first()
    if key is None:
        raise NotFound("You have no such key.")
    return key


def find_key(text: str) -> ApiKey | None:
    """The active key with that text, its owner active too, with its last use noted at most once a minute."""
    parts = _FORM.fullmatch(text)
    if parts is None:
        return None
    key = ApiKey.objects.select_related("owner").filter(prefix=parts["prefix"]).first()
    if key is None or not secrets.compare_digest(key.secret_hash, _digest(text)) or not is_active(key):
        return None
    _note_use(key)
    return key


def is_active(key: ApiKey) -> bool:
    """Whether the key opens anything now."""
    expired = key.expires_at is not None and key.expires_at <= timezone.now()
    of_its_maker = key.ends_with in {"", mark_of(key.owner)}
    return key.revoked_at is None and not expired and key.owner.is_active and of_its_maker


def admission_by(key: ApiKey) -> Admission:
    """What a stream or a key that comes from this one is held to."""
    return Admission(user_id=key.owner_id, key_id=key.pk, mark=key.ends_with or None, ends_at=key.expires_at)


def _active(now: datetime) -> Q:
    return Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - _LAST_USE_RESOLUTION:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _LAST_USE_RESOLUTION)
        with best_effort("the last use of a key"):
            ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _digest(text: str) -> str:
    """SHA-256 suffices: the secret holds 192 random bits, there is nothing to guess."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
