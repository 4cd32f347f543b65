"""Short-lived tokens, and what stands behind an `Authorization: Bearer` header, for requests and sockets alike."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import jwt
from django.conf import settings
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from apps.core.access import scopes_of
from apps.core.accounts.admission import Admission, mark_of
from apps.core.accounts.keys import KEY_PREFIX, admission_by, find_key, is_active
from apps.core.edge.text import UnreadableText, UnusableText, read_json
from apps.core.models import ApiKey, User

TOKEN_LIFETIME = timedelta(minutes=15)
_ALGORITHM = "HS256"
_ISSUER = "terrarium"
_MAX_LENGTH = 2000
_END_OF_TIME = 253_402_300_799
_signer = jwt.PyJWS(algorithms=[_ALGORITHM])

Seconds = Annotated[int, Field(ge=0, le=_END_OF_TIME)]


class Claims(BaseModel):
    """What a token says; one that says anything else was not made here."""

    model_config = ConfigDict(extra="forbid", strict=True)

    iss: Literal["terrarium"]
    sub: str = Field(max_length=40)
    scopes: list[Literal["read", "write", "admin"]] = Field(max_length=3)
    iat: Seconds
    exp: Seconds
    jti: str = Field(max_length=32)
    cred: str = Field(max_length=16)
    key: str | None = Field(None, max_length=40)


@dataclass(frozen=True)
class Principal:
    """Who stands behind a request: the member, what they may do through this door, and which door it is."""

    user: User
    scopes: frozenset[str]
    credential: str
    admission: Admission

    @property
    def is_session(self) -> bool:
        """Whether a person sits there, and no program."""
        return self.admission.key_id is None and self.admission.ends_at is None


def authenticate_bearer(token: str) -> Principal | None:
    """The member behind an API key or a short-lived token; nothing when it is unknown, expired or revoked."""
    return _by_key(token) if token.startswith(KEY_PREFIX) else _by_token(token)


def token_create(*, user: User, scopes: frozenset[str], key: ApiKey | None = None) -> tuple[str, datetime]:
    """A signed token for `user`, never with more than the role has; ends with the password or key it came from."""
    now = timezone.now().replace(microsecond=0)
    expires_at = now + TOKEN_LIFETIME
    if key is not None and key.expires_at is not None:
        expires_at = min(expires_at, key.expires_at.replace(microsecond=0))
    claims = Claims(
        iss="terrarium",
        sub=user.pk,
        scopes=sorted(scopes & scopes_of(user)),  # type: ignore[arg-type]
        iat=int(now.timestamp()),
        exp=int(expires_at.timestamp()),
        jti=secrets.token_hex(8),
        cred=mark_of(user),
        key=key.pk if key else None,
    )
    text = _signer.encode(claims.model_dump_json().encode(), settings.JWT_SECRET_KEY, _ALGORITHM)
    return text, expires_at


def _by_key(text: str) -> Principal | None:
    key = find_key(text)
    if key is None:
        return None
    return _principal(key.owner, frozenset(key.scopes), f"key:{key.pk}", admission_by(key))


def _by_token(token: str) -> Principal | None:
    claims = _claims_of(token)
    now = timezone.now()
    if claims is None or claims.exp <= now.timestamp():
        return None
    user = User.objects.filter(pk=claims.sub, is_active=True).first()
    if user is None or not secrets.compare_digest(claims.cred.encode(), mark_of(user).encode()):
        return None
    ends_at = datetime.fromtimestamp(claims.exp, UTC)
    if claims.key is not None:
        key = ApiKey.objects.select_related("owner").filter(pk=claims.key, owner=user).first()
        if key is None or not is_active(key):
            return None
    admission = Admission(user_id=user.pk, mark=claims.cred, key_id=claims.key, ends_at=ends_at)
    return _principal(user, frozenset(claims.scopes), f"user:{user.pk}", admission)


def _claims_of(token: str) -> Claims | None:
    """What a token we signed says; nothing for any other, and for claims of another kind than we make."""
    if len(token) > _MAX_LENGTH or not token.isascii():
        return None
    try:
        payload = _signer.decode(token, settings.JWT_SECRET_KEY, algorithms=[_ALGORITHM])
        return Claims.model_validate(read_json(payload))
    except (jwt.InvalidTokenError, UnreadableText, UnusableText, ValidationError, TypeError, ValueError):
        return None


def _principal(user: User, scopes: frozenset[str], credential: str, admission: Admission) -> Principal:
    granted = scopes & scopes_of(user)
    user.granted_scopes = granted
    return Principal(user=user, scopes=granted, credential=credential, admission=admission)
