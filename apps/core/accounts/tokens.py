"""Short-lived tokens, and what stands behind an `Authorization: Bearer` header, for requests and sockets alike."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.utils import timezone

from apps.core.access import scopes_of
from apps.core.accounts.keys import KEY_PREFIX, find_key, is_active
from apps.core.models import ApiKey, User

TOKEN_LIFETIME = timedelta(minutes=15)
_ALGORITHM = "HS256"
_ISSUER = "terrarium"


@dataclass(frozen=True)
class Principal:
    """Who stands behind a request: the member, what they may do through this door, and which door it is."""

    user: User
    scopes: frozenset[str]
    credential: str
    key_id: str | None = None


def authenticate_bearer(token: str) -> Principal | None:
    """The member behind an API key or a short-lived token; nothing when it is unknown, expired or revoked."""
    return _by_key(token) if token.startswith(KEY_PREFIX) else _by_token(token)


def token_create(*, user: User, scopes: frozenset[str], key_id: str | None = None) -> tuple[str, datetime]:
    """A signed token for `user`, never with more than the role has; dies with the password or key it came from."""
    now = timezone.now()
    expires_at = now + TOKEN_LIFETIME
    claims: dict[str, Any] = {
        "iss": _ISSUER,
        "sub": user.pk,
        "scopes": sorted(scopes & scopes_of(user)),
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "jti": secrets.token_hex(8),
        "cred": _credential_mark(user),
    }
    if key_id is not None:
        claims["key"] = key_id
    return jwt.encode(claims, settings.JWT_SECRET_KEY, algorithm=_ALGORITHM), expires_at


def _by_key(text: str) -> Principal | None:
    key = find_key(text)
    if key is None:
        return None
    return _principal(key.owner, frozenset(key.scopes), f"key:{key.pk}", key.pk)


def _by_token(token: str) -> Principal | None:
    required = ["exp", "iat", "sub", "iss", "scopes", "cred"]
    try:
        claims = jwt.decode(
            token, settings.JWT_SECRET_KEY, algorithms=[_ALGORITHM], issuer=_ISSUER, options={"require": required}
        )
    except (jwt.InvalidTokenError, UnicodeError, ValueError):
        return None
    user = User.objects.filter(pk=str(claims["sub"]), is_active=True).first()
    if user is None or not secrets.compare_digest(str(claims["cred"]), _credential_mark(user)):
        return None
    key_id = claims.get("key")
    if key_id is not None:
        key = ApiKey.objects.select_related("owner").filter(pk=str(key_id)).first()
        if key is None or not is_active(key):
            return None
    return _principal(user, frozenset(claims["scopes"]), f"user:{user.pk}", key_id)


def _principal(user: User, scopes: frozenset[str], credential: str, key_id: str | None) -> Principal:
    granted = scopes & scopes_of(user)
    user.granted_scopes = granted
    return Principal(user=user, scopes=granted, credential=credential, key_id=key_id)


def _credential_mark(user: User) -> str:
    """Changes with the password, so that a changed password ends the tokens too."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:16]
