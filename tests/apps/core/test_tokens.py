"""Short-lived tokens: by password or key, never stronger than it, and dead when it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.test import Client
from django.utils import timezone

from apps.core.accounts import api_key_create, authenticate_bearer, token_create
from apps.core.models import ApiKey, User

from .conftest import PASSWORD, People, Program

URL = "/api/v1/auth/token"


def ask(client: Client, **body: Any) -> Any:
    return client.post(URL, body, content_type="application/json")


def test_a_password_buys_a_token_for_fifteen_minutes(anonymous: Client, people: People) -> None:
    answer = ask(anonymous, username="olga", password=PASSWORD).json()
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 900
    assert answer["scopes"] == ["read", "write"]
    me = Program(answer["access_token"]).call("get", "/api/v1/auth/me").json()
    assert me == {
        "id": people.owner.pk,
        "username": "olga",
        "email": "",
        "role": "researcher",
        "scopes": ["read", "write"],
    }
    assert "sessionid" not in anonymous.cookies


def test_a_key_buys_one_no_stronger_than_itself(anonymous: Client, people: People) -> None:
    _key, text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    assert ask(anonymous, api_key=text).json()["scopes"] == ["read"]
    assert ask(anonymous, api_key=text, scopes=["read", "write"]).status_code == 403
    narrowed = ask(anonymous, username="olga", password=PASSWORD, scopes=["read"]).json()
    assert narrowed["scopes"] == ["read"]
    assert Program(narrowed["access_token"]).call("post", "/api/v1/auth/keys", {"name": "k"}).status_code == 403


@pytest.mark.parametrize(
    "body", [{}, {"username": "olga"}, {"username": "olga", "password": PASSWORD, "api_key": "tk_a_b"}, {"scopes": []}]
)
def test_one_door_at_a_time(anonymous: Client, people: People, body: dict[str, Any]) -> None:
    assert ask(anonymous, **body).status_code == 422


def test_a_token_does_not_buy_another(anonymous: Client, people: People) -> None:
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read"}))
    assert ask(anonymous, api_key=token).status_code == 401


def test_wrong_passwords_are_slowed_here_too(anonymous: Client, people: People, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"login_attempts_per_minute": 2})
    statuses = [ask(anonymous, username="olga", password="wrong").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_it_is_refused_once_it_has_ended(people: People, settings: Any) -> None:
    token, ends = token_create(user=people.owner, scopes=frozenset({"read"}))
    assert abs(ends - timezone.now() - timedelta(minutes=15)) < timedelta(seconds=5)
    claims = jwt.decode(token, settings.JWT_SECRET_KEY, algorithms=["HS256"])
    old = jwt.encode({**claims, "exp": claims["iat"] - 1}, settings.JWT_SECRET_KEY, algorithm="HS256")
    assert authenticate_bearer(token)
    assert authenticate_bearer(old) is None


def forged(token: str, settings: Any) -> dict[str, str]:
    claims = jwt.decode(token, settings.JWT_SECRET_KEY, algorithms=["HS256"])
    head, body, signature = token.split(".")
    admin = {**claims, "scopes": ["admin", "read", "write"]}
    plain = base64.urlsafe_b64encode(json.dumps(admin).encode()).rstrip(b"=").decode()
    no_algorithm = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return {
        "another key": jwt.encode(claims, "x" * 40, algorithm="HS256"),
        "another issuer": jwt.encode({**claims, "iss": "them"}, settings.JWT_SECRET_KEY, algorithm="HS256"),
        "no expiry": jwt.encode(
            {k: v for k, v in claims.items() if k != "exp"}, settings.JWT_SECRET_KEY, algorithm="HS256"
        ),
        "more scopes": f"{head}.{plain}.{signature}",
        "no algorithm": f"{no_algorithm}.{plain}.",
        "cut short": f"{head}.{body}",
        "rubbish": "a.b.c",
    }


def test_a_forged_token_is_refused(people: People, settings: Any) -> None:
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read"}))
    for how, text in forged(token, settings).items():
        assert authenticate_bearer(text) is None, how


def signed(settings: Any, payload: bytes, **headers: Any) -> str:
    return jwt.PyJWS().encode(payload, settings.JWT_SECRET_KEY, "HS256", headers=headers or None)


ODD: list[dict[str, Any]] = [
    {"scopes": 5},
    {"scopes": None},
    {"scopes": "read"},
    {"scopes": [["read"]]},
    {"scopes": [{}]},
    {"scopes": ["root"]},
    {"scopes": ["read"] * 99},
    {"sub": 7},
    {"sub": {"a": 1}},
    {"sub": ["x"]},
    {"sub": None},
    {"sub": "\x00"},
    {"sub": "\ud800"},
    {"sub": "x" * 5000},
    {"exp": "soon"},
    {"exp": None},
    {"exp": 1.5},
    {"exp": 10**40},
    {"exp": -1},
    {"exp": True},
    {"iat": []},
    {"iat": 10**30},
    {"cred": 5},
    {"cred": "é"},
    {"cred": ["x"]},
    {"cred": {}},
    {"iss": ["terrarium"]},
    {"iss": None},
    {"key": 5},
    {"key": {"a": 1}},
    {"key": "\x00"},
    {"jti": {}},
    {"nbf": 10**12},
    {"role": "admin"},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_signed_token_with_odd_claims_is_refused_in_words(people: People, settings: Any, odd: dict[str, Any]) -> None:
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read"}))
    claims = jwt.decode(token, settings.JWT_SECRET_KEY, algorithms=["HS256"], issuer="terrarium")
    text = signed(settings, json.dumps({**claims, **odd}).encode())
    assert authenticate_bearer(text) is None
    assert Program(text).call("get", "/api/v1/auth/me").status_code == 401


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"x"',
        b"[" * 1200,
        b"{\xff}",
        b'{"exp": 1e400}',
        b'{"exp": ' + b"9" * 900 + b"}",
    ],
)
def test_a_signed_token_that_holds_something_else_is_refused(people: People, settings: Any, payload: bytes) -> None:
    assert authenticate_bearer(signed(settings, payload)) is None


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"[]",
        b"null",
        b'{"alg": []}',
        b'{"alg": {}}',
        b'{"alg": null}',
        b'{"alg": "HS512"}',
        b'{"alg": "HS256", "crit": 5}',
        b'{"alg": "HS256", "b64": false}',
        b'{"alg": "HS256", "b64": false, "crit": ["b64"]}',
        b'{"alg": "HS256", "kid": {}}',
        b"[" * 1200,
        b'{"alg": 1e400}',
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("payload", [b"{}", b""])
def test_a_strangers_token_with_an_odd_head_is_refused(people: People, header: bytes, payload: bytes) -> None:
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload, b"x" * 32)]
    for text in (".".join(parts), ".".join([*parts, "x"]), parts[0], f"{parts[0]}.."):
        assert authenticate_bearer(text) is None


def test_a_token_is_refused_by_its_length_before_it_is_looked_at(people: People) -> None:
    assert authenticate_bearer("a" * 100_000) is None
    assert authenticate_bearer("é.é.é") is None


def test_a_token_of_one_members_key_is_none_of_anothers(people: People, settings: Any) -> None:
    key, _text = api_key_create(owner=people.other, name="k", scopes=["read"])
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read"}))
    claims = jwt.decode(token, settings.JWT_SECRET_KEY, algorithms=["HS256"], issuer="terrarium")
    assert authenticate_bearer(signed(settings, json.dumps({**claims, "key": key.pk}).encode())) is None


def test_the_key_in_the_settings_signs_it(people: People, settings: Any) -> None:
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read"}))
    settings.JWT_SECRET_KEY = "another key, of at least thirty-two characters"
    assert authenticate_bearer(token) is None


def test_a_new_password_ends_tokens(people: People) -> None:
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read"}))
    people.owner.set_password("something else entirely 99")
    people.owner.save()
    assert authenticate_bearer(token) is None


def test_deactivation_and_a_lower_role_reach_tokens(people: People) -> None:
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read", "write"}))
    User.objects.filter(pk=people.owner.pk).update(role="viewer")
    principal = authenticate_bearer(token)
    assert principal is not None
    assert principal.scopes == {"read"}
    User.objects.filter(pk=people.owner.pk).update(is_active=False)
    assert authenticate_bearer(token) is None


def test_revoking_the_key_ends_the_tokens_it_bought(anonymous: Client, people: People) -> None:
    key, text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    token = ask(anonymous, api_key=text).json()["access_token"]
    assert authenticate_bearer(token)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    assert authenticate_bearer(token) is None


def test_an_admins_key_without_the_admin_scope_is_no_admin(program: Callable[..., Program], people: People) -> None:
    assert program(people.admin, "read", "write").call("get", "/api/v1/auth/users").status_code == 403
    assert program(people.admin, "read", "write", "admin").call("get", "/api/v1/auth/users").status_code == 200
