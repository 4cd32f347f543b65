"""JSON API: tokens, keys and people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field, model_validator

from apps.core import accounts
from apps.core.access import member, require_role, scopes_of
from apps.core.accounts import Principal
from apps.core.accounts.keys import is_active, with_those_made
from apps.core.accounts.passwords import MAX_PASSWORD
from apps.core.api.schemas import Moment, Strict, SuccessResponse
from apps.core.api_auth import spend_anonymous
from apps.core.errors import Forbidden, Unauthorized
from apps.core.models import ApiKey, User
from apps.core.pagination import Page, PageQuery, paginate

router = Router(tags=["accounts"])

Scope = Literal["read", "write", "admin"]
RoleName = Literal["viewer", "researcher", "curator", "admin"]


class TokenRequest(Strict):
    """Either a name and a password, or an API key; `scopes` narrows what the token may do."""

    username: str | None = Field(None, max_length=150)
    password: str | None = Field(None, max_length=MAX_PASSWORD)
    api_key: str | None = Field(None, max_length=1000)
    scopes: list[Scope] | None = Field(None, min_length=1, max_length=3)

    @model_validator(mode="after")
    def _one_door(self) -> TokenRequest:
        by_password = self.username is not None and self.password is not None
        if by_password == (self.api_key is not None):
            raise ValueError("send either username and password, or api_key")
        return self


class TokenOut(Schema):
    """A token to send as `Authorization: Bearer`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int
    expires_at: datetime
    scopes: list[str]


class MeOut(Schema):
    """The member behind the request, and what this access may do."""

    id: str
    username: str
    email: str
    role: str
    scopes: list[str]


class KeyOut(Schema):
    """An API key, without its secret."""

    key_id: str
    name: str
    prefix: str
    scopes: list[str]
    active: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    made_by: str | None = Field(description="The key it was made with, and ends with.")


class KeyCreated(KeyOut):
    """A new key; `key` is its text and is never shown again."""

    key: str


class KeyIn(Strict):
    """What a new key may do, and for how long."""

    name: str = Field(min_length=1, max_length=100)
    scopes: list[Scope] = Field(["read"], min_length=1, max_length=3)
    expires_at: Moment | None = Field(
        None,
        description="With time zone; null for a key that ends only when revoked, or with the key or token that makes it.",
    )


class UserOut(Schema):
    """A member."""

    id: str
    username: str
    email: str
    role: str
    is_active: bool
    date_joined: datetime
    last_login: datetime | None


class UserIn(Strict):
    """Somebody to invite."""

    username: str = Field(min_length=1, max_length=150)
    email: str = Field("", max_length=254)
    role: RoleName = "researcher"


class UserInvited(UserOut):
    """A new member; `link` signs them in once and is never shown again."""

    link: str


class UserPatch(Strict):
    """What to change about a member; what is left out stays."""

    role: RoleName | None = None
    is_active: bool | None = None


def _token_out(user: User, scopes: frozenset[str], key: ApiKey | None) -> TokenOut:
    token, expires_at = accounts.token_create(user=user, scopes=scopes, key=key)
    lasts = accounts.TOKEN_LIFETIME
    if key is not None and key.expires_at is not None:
        lasts = min(lasts, key.expires_at - timezone.now())
    return TokenOut(
        access_token=token,
        expires_in=max(0, int(lasts.total_seconds())),
        expires_at=expires_at,
        scopes=sorted(scopes),
    )


@router.post("/token", auth=None, response=TokenOut, summary="Get a short-lived token")
def token(request: HttpRequest, payload: TokenRequest) -> TokenOut:
    """A token for fifteen minutes, by password or by API key. It ends with the password or key it came from."""
    if payload.api_key is not None:
        key = accounts.find_key(payload.api_key)
        if key is None:
            spend_anonymous(request)
            raise Unauthorized("This key is unknown, expired or revoked.")
        user, granted = key.owner, frozenset(key.scopes) & scopes_of(key.owner)
    else:
        user = accounts.check_password_throttled(
            request, username=payload.username or "", password=payload.password or ""
        )
        granted, key = scopes_of(user), None
    wanted = frozenset(payload.scopes or granted)
    beyond = sorted(wanted - granted)
    if beyond:
        raise Forbidden(f"This access does not have the scope {', '.join(beyond)}.")
    return _token_out(user, wanted, key)


@router.get("/me", response=MeOut, summary="Who am I")
def me(request: HttpRequest) -> dict[str, Any]:
    """The member behind the key, token or session, and its scopes."""
    user = member(request)
    scopes = sorted(request.scopes)  # type: ignore[attr-defined]
    return {"id": user.pk, "username": user.username, "email": user.email, "role": user.role, "scopes": scopes}


@router.get("/keys", response=Page[KeyOut], summary="List your keys")
def keys_list(request: HttpRequest, paging: Query[PageQuery]) -> dict[str, Any]:
    """Your keys, newest first, revoked ones included."""
    found = accounts.api_keys(member(request)).select_related("owner")
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=_key_out)


@router.post("/keys", response={201: KeyCreated}, summary="Make a key")
def keys_create(request: HttpRequest, payload: KeyIn) -> Status[dict[str, Any]]:
    """A new key of yours; it can do no more than the access that makes it, and ends with it at the latest."""
    principal: Principal = request.principal  # type: ignore[attr-defined]
    maker = None if principal.is_session else principal.admission
    key, text = accounts.api_key_create(owner=member(request), maker=maker, **payload.model_dump())
    return Status(201, {**_key_out(key), "key": text})


@router.get("/keys/{key_id}", response=KeyOut, summary="One of your keys")
def keys_get(request: HttpRequest, key_id: str) -> dict[str, Any]:
    """The key without its secret."""
    return _key_out(accounts.api_key_of(member(request), key_id))


@router.delete("/keys/{key_id}", response=SuccessResponse, summary="Revoke a key")
def keys_revoke(request: HttpRequest, key_id: str) -> SuccessResponse:
    """Ends the key at once, and the keys made with it; they stay in the list."""
    key = accounts.api_key_of(member(request), key_id)
    made = accounts.api_key_revoke(key=key)
    return SuccessResponse(message=f"{key.name} is revoked{with_those_made(made)}.", data={"key_id": key.key_id})


@router.get("/users", response=Page[UserOut], summary="List members")
def users_list(request: HttpRequest, paging: Query[PageQuery]) -> dict[str, Any]:
    """Everybody, by name. For admins."""
    require_role(request.user, "admin")
    return paginate(accounts.users(), page=paging.page, page_size=paging.page_size, serialize=_user_out)


@router.post("/users", response={201: UserInvited}, summary="Invite somebody")
def users_invite(request: HttpRequest, payload: UserIn) -> Status[dict[str, Any]]:
    """A new member and the link that signs them in once. For admins."""
    user, link = accounts.user_invite(by=member(request), **payload.model_dump())
    return Status(201, {**_user_out(user), "link": link})


@router.patch("/users/{user_id}", response=UserOut, summary="Change a member")
def users_change(request: HttpRequest, user_id: str, payload: UserPatch) -> dict[str, Any]:
    """Another role, or the doors shut or opened. For admins; the last admin stays one."""
    by = require_role(request.user, "admin")
    user = accounts.user_get(user_id)
    if payload.role is not None:
        user = accounts.user_role_set(by=by, user=user, role=payload.role)
    if payload.is_active is not None:
        change = accounts.user_activate if payload.is_active else accounts.user_deactivate
        user = change(by=by, user=user)
    return _user_out(user)


def _key_out(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "prefix": f"tk_{key.prefix}",
        "scopes": key.scopes,
        "active": is_active(key),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "made_by": key.parent_id,
    }


def _user_out(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "is_active": user.is_active,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
    }
