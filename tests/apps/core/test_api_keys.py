"""API keys: shown once, kept as a hash, never stronger than their owner, ended at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.core.accounts import api_key_create, authenticate_bearer
from apps.core.accounts.keys import MAX_ACTIVE_KEYS
from apps.core.errors import Conflict, Forbidden, Invalid
from apps.core.models import ApiKey, User

from .conftest import People


def test_a_key_is_shown_once_and_only_its_hash_is_kept(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    made = browser.post("/account/keys/", {"name": "notebook", "scopes": ["read"], "lifetime": "90"})
    assert made.status_code == 201
    text = re.search(rb"tk_[0-9a-f]{12}_[0-9a-f]{48}", made.content).group().decode()  # type: ignore[union-attr]
    assert made["Cache-Control"].startswith("max-age=0")
    assert text.encode() not in browser.get("/account/").content
    key = ApiKey.objects.get()
    assert text not in (key.secret_hash, key.prefix)
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    principal = authenticate_bearer(text)
    assert principal is not None
    assert principal.user == people.owner


@pytest.mark.parametrize(
    ("change", "opens"),
    [
        (lambda text: text, True),
        (lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"), False),
        (lambda text: text.upper(), False),
        (lambda text: text + "_x", False),
        (lambda text: "tk__" + text.split("_")[2], False),
        (lambda text: "tk_" + text.split("_")[1], False),
        (lambda _: "tk_", False),
        (lambda _: "tk_\udfff_\x00", False),
        (lambda _: "", False),
    ],
)
def test_only_the_whole_text_opens(people: People, change: Callable[[str], str], opens: bool) -> None:
    _key, text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    assert (authenticate_bearer(change(text)) is not None) is opens


def test_revoked_expired_and_ownerless_keys_open_nothing(people: People) -> None:
    key, text = api_key_create(
        owner=people.owner, name="k", scopes=["read"], expires_at=timezone.now() + timedelta(days=1)
    )
    assert authenticate_bearer(text)
    for change in ({"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(seconds=1)}):
        ApiKey.objects.filter(pk=key.pk).update(**change)
        assert authenticate_bearer(text) is None
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=None, expires_at=None)
    User.objects.filter(pk=people.owner.pk).update(is_active=False)
    assert authenticate_bearer(text) is None


@pytest.mark.parametrize(
    ("role", "asked", "granted"),
    [
        ("viewer", ["read"], {"read"}),
        ("researcher", ["read", "write"], {"read", "write"}),
        ("admin", ["read", "write", "admin"], {"read", "write", "admin"}),
    ],
)
def test_a_role_can_give_what_it_has(people: People, role: str, asked: list[str], granted: set[str]) -> None:
    user = {"viewer": people.viewer, "researcher": people.owner, "admin": people.admin}[role]
    _key, text = api_key_create(owner=user, name="k", scopes=asked)
    principal = authenticate_bearer(text)
    assert principal is not None
    assert principal.scopes == granted


def test_nobody_gives_more_than_they_have(people: People) -> None:
    with pytest.raises(Forbidden, match="write"):
        api_key_create(owner=people.viewer, name="k", scopes=["read", "write"])
    with pytest.raises(Forbidden, match="admin"):
        api_key_create(owner=people.curator, name="k", scopes=["admin"])


def test_a_key_shrinks_with_its_owners_role(people: People) -> None:
    _key, text = api_key_create(owner=people.owner, name="k", scopes=["read", "write"])
    User.objects.filter(pk=people.owner.pk).update(role="viewer")
    principal = authenticate_bearer(text)
    assert principal is not None
    assert principal.scopes == {"read"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
    ],
)
def test_what_cannot_be_used_names_the_field(people: People, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api_key_create(**{"owner": people.owner, "name": "k", "scopes": ["read"], **values})
    assert caught.value.field == field


def test_there_is_an_end_to_how_many_keys_one_member_has(people: People) -> None:
    for n in range(MAX_ACTIVE_KEYS):
        api_key_create(owner=people.owner, name=f"k{n}", scopes=["read"])
    with pytest.raises(Conflict, match="Revoke one"):
        api_key_create(owner=people.owner, name="one more", scopes=["read"])


def test_the_last_use_is_noted_at_most_once_a_minute(people: People, django_assert_num_queries: Any) -> None:
    key, text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    authenticate_bearer(text)
    first = ApiKey.objects.get(pk=key.pk).last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        authenticate_bearer(text)
    assert ApiKey.objects.get(pk=key.pk).last_used_at == first
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() - timedelta(seconds=61))
    authenticate_bearer(text)
    later = ApiKey.objects.get(pk=key.pk).last_used_at
    assert later is not None
    assert later >= first


def test_revoking_by_page_takes_the_owner_and_a_post(as_: Callable[..., Client], people: People) -> None:
    key, text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    path = f"/account/keys/{key.key_id}/revoke/"
    assert as_(people.other).post(path).status_code == 404
    assert as_(people.admin).post(path).status_code == 404
    assert as_(people.owner).get(path).status_code == 405
    assert authenticate_bearer(text)
    assert as_(people.owner).post(path)["Location"] == "/account/"
    assert authenticate_bearer(text) is None
    assert as_(people.owner).post(path).status_code == 409


def test_the_form_offers_only_what_the_role_has(as_: Callable[..., Client], people: People) -> None:
    assert b'value="write"' not in as_(people.viewer).get("/account/").content
    forged = as_(people.viewer).post("/account/keys/", {"name": "k", "scopes": ["write"], "lifetime": "0"})
    assert forged.status_code == 422
    assert not ApiKey.objects.exists()


def test_the_account_page_asks_the_same_number_of_questions_whatever_it_lists(
    as_: Callable[..., Client], people: People, django_assert_max_num_queries: Any
) -> None:
    for n in range(30):
        api_key_create(owner=people.owner, name=f"k{n}", scopes=["read"])
    browser = as_(people.owner)
    with django_assert_max_num_queries(10):
        browser.get("/account/")


def test_keys_by_api(program: Callable[..., Any], people: People) -> None:
    mine, others = program(people.owner, "read", "write"), program(people.other, "read", "write")
    made = mine.call("post", "/api/v1/auth/keys", {"name": "script", "scopes": ["read"]})
    assert made.status_code == 201
    key = made.json()
    assert key["key"].startswith(key["prefix"])
    listed = mine.call("get", "/api/v1/auth/keys").json()
    assert [row["name"] for row in listed["items"]] == ["script", "a program"]
    assert listed["total"] == 2
    assert "key" not in listed["items"][0]
    path = f"/api/v1/auth/keys/{key['key_id']}"
    assert others.call("get", path).status_code == 404
    assert others.call("delete", path).status_code == 404
    assert mine.call("delete", path).json()["success"] is True
    assert mine.call("get", path).json()["active"] is False
    assert mine.call("delete", path).status_code == 409


def test_a_key_cannot_make_a_stronger_one(program: Callable[..., Any], people: People) -> None:
    weak = program(people.admin, "read", "write")
    refused = weak.call("post", "/api/v1/auth/keys", {"name": "k", "scopes": ["admin"]})
    assert refused.status_code == 403
    naive = weak.call("post", "/api/v1/auth/keys", {"name": "k", "expires_at": "2100-01-01T00:00:00"})
    assert naive.json()["error"]["details"]["field"] == "expires_at"
