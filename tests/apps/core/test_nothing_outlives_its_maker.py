"""What was made with a key or a token ends with it at the latest, and never comes back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.core.accounts import (
    Admission,
    api_key_create,
    api_key_revoke,
    authenticate_bearer,
    first_admin_ensure,
    login_link_consume,
    login_link_create,
    password_set,
    those_that_hold,
    token_create,
    user_activate,
    user_deactivate,
)
from apps.core.accounts.keys import admission_by
from apps.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from apps.core.models import ApiKey, LoginLink, User

from .conftest import PASSWORD, People, Program

KEYS = "/api/v1/auth/keys"
TOKEN = "/api/v1/auth/token"
FRESH = "another long one 0815"


def admitted(token: str) -> Admission:
    principal = authenticate_bearer(token)
    assert principal is not None
    return principal.admission


def child_of(maker: Admission, owner: User, **more: Any) -> tuple[ApiKey, str]:
    return api_key_create(owner=owner, name="child", scopes=["read"], maker=maker, **more)


def test_a_key_made_with_a_key_ends_with_it_at_the_latest(people: People) -> None:
    soon = timezone.now() + timedelta(minutes=2)
    parent, text = api_key_create(owner=people.owner, name="p", scopes=["read", "write"], expires_at=soon)
    child, _text = child_of(admitted(text), people.owner)
    assert (child.expires_at, child.parent_id) == (soon, parent.pk)
    sooner, _text = child_of(admitted(text), people.owner, expires_at=soon - timedelta(minutes=1))
    assert sooner.expires_at == soon - timedelta(minutes=1)
    with pytest.raises(Invalid) as refused:
        child_of(admitted(text), people.owner, expires_at=soon + timedelta(seconds=1))
    assert refused.value.field == "expires_at"


def test_an_endless_key_may_make_endless_ones(people: People) -> None:
    _parent, text = api_key_create(owner=people.owner, name="p", scopes=["read", "write"])
    child, _text = child_of(admitted(text), people.owner)
    assert child.expires_at is None


def test_a_token_of_fifteen_minutes_makes_no_endless_key(anonymous: Client, people: People) -> None:
    body = {"username": "olga", "password": PASSWORD}
    bought = anonymous.post(TOKEN, body, content_type="application/json").json()
    program = Program(bought["access_token"])
    made = program.call("post", KEYS, {"name": "k", "scopes": ["read"]})
    assert made.status_code == 201
    assert made.json()["expires_at"][:19] == bought["expires_at"][:19]
    refused = program.call("post", KEYS, {"name": "k", "expires_at": "2100-01-01T00:00:00Z"})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["field"] == "expires_at"
    grandchild = Program(made.json()["key"]).call("post", KEYS, {"name": "k"})
    assert grandchild.status_code == 403, "it has no scope to make one"


def test_a_person_signed_in_makes_a_key_of_any_length(as_: Callable[..., Client], people: People) -> None:
    made = as_(people.owner).post(KEYS, {"name": "k"}, content_type="application/json").json()
    assert (made["expires_at"], made["made_by"]) == (None, None)


def test_what_a_token_made_dies_with_the_password_as_the_token_does(people: People) -> None:
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read", "write"}))
    _child, text = api_key_create(owner=people.owner, name="c", scopes=["read", "write"], maker=admitted(token))
    _grandchild, deeper = child_of(admitted(text), people.owner)
    _other, made_by_hand = api_key_create(owner=people.owner, name="k", scopes=["read"])
    password_set(user=people.owner, password=FRESH)
    assert authenticate_bearer(token) is None
    assert authenticate_bearer(text) is None
    assert authenticate_bearer(deeper) is None
    assert authenticate_bearer(made_by_hand) is not None


def test_revoking_a_key_ends_all_that_was_made_with_it(people: People, program: Callable[..., Program]) -> None:
    first = program(people.owner, "read", "write")
    texts = [first.client.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")]
    for _ in range(3):
        made = Program(texts[-1]).call("post", KEYS, {"name": "next", "scopes": ["read", "write"]})
        texts.append(made.json()["key"])
    _k, apart = api_key_create(owner=people.owner, name="apart", scopes=["read", "write"])
    second = ApiKey.objects.get(prefix=texts[1].split("_")[1])
    answer = Program(texts[0]).call("delete", f"{KEYS}/{second.pk}").json()
    assert answer["message"] == "next is revoked, and 2 keys made with it."
    assert [authenticate_bearer(text) is not None for text in (*texts, apart)] == [True, False, False, False, True]
    tokens = Program(texts[0]).call("post", TOKEN, {"api_key": texts[3]})
    assert tokens.status_code == 401


def test_a_key_is_not_made_with_one_that_has_just_been_revoked(people: People) -> None:
    key, text = api_key_create(owner=people.owner, name="p", scopes=["read", "write"])
    maker = admitted(text)
    api_key_revoke(key=key)
    with pytest.raises(Unauthorized):
        child_of(maker, people.owner)
    assert ApiKey.objects.count() == 1


def test_of_a_revocation_and_a_birth_at_once_no_child_survives(several_connections: None) -> None:
    owner = first_admin_ensure()
    for _ in range(4):
        key, text = api_key_create(owner=owner, name="p", scopes=["read", "write"])
        maker = admitted(text)

        def act(number: int, key: ApiKey = key, maker: Admission = maker) -> None:
            try:
                if number == 1:
                    api_key_revoke(key=key)
                else:
                    child_of(maker, owner)
            except (Unauthorized, Conflict):
                pass
            finally:
                connection.close()

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(act, range(3)))
        assert not ApiKey.objects.filter(parent=key, revoked_at__isnull=True).exists()


def test_a_token_bought_with_a_key_ends_with_it(anonymous: Client, people: People) -> None:
    soon = timezone.now() + timedelta(seconds=90)
    _key, text = api_key_create(owner=people.owner, name="k", scopes=["read"], expires_at=soon)
    bought = anonymous.post(TOKEN, {"api_key": text}, content_type="application/json").json()
    assert bought["expires_in"] <= 90
    assert bought["expires_at"][:19] == soon.isoformat()[:19]


def test_nothing_made_has_more_scopes_than_its_maker(people: People, program: Callable[..., Program]) -> None:
    weak = program(people.admin, "read", "write")
    bought = weak.call("post", TOKEN, {"api_key": weak.client.defaults["HTTP_AUTHORIZATION"][7:]}).json()
    token = Program(bought["access_token"])
    for maker in (weak, token):
        assert maker.call("post", KEYS, {"name": "k", "scopes": ["admin"]}).status_code == 403
        assert maker.call("get", "/api/v1/auth/users").status_code == 403
    with pytest.raises(Forbidden):
        api_key_create(owner=authenticate_bearer(bought["access_token"]).user, name="k", scopes=["admin"])  # type: ignore[union-attr]


@pytest.fixture
def doors(people: People, as_: Callable[..., Client]) -> dict[str, Any]:
    """One of everything that lets a member in."""
    _key, key = api_key_create(owner=people.other, name="k", scopes=["read"])
    token, _ends = token_create(user=people.other, scopes=frozenset({"read"}))
    link = login_link_create(user=people.other, loopback_only=False).rstrip("/").rsplit("/", 1)[1]
    return {"session": as_(people.other), "key": key, "token": token, "link": link}


def opens(doors: dict[str, Any]) -> list[str]:
    """Those that still let somebody in."""
    found = [name for name in ("key", "token") if authenticate_bearer(doors[name])]
    if doors["session"].get("/account/").status_code == 200:
        found.append("session")
    try:
        login_link_consume(doors["link"], address="192.0.2.1")
        found.append("link")
    except NotFound:
        pass
    return sorted(found)


def test_all_of_them_open(doors: dict[str, Any]) -> None:
    assert opens(doors) == ["key", "link", "session", "token"]


def test_what_deactivation_shut_activation_does_not_open(people: People, doors: dict[str, Any]) -> None:
    user_deactivate(by=people.admin, user=people.other)
    assert opens(doors) == []
    user_activate(by=people.admin, user=people.other)
    assert opens(doors) == []
    assert Client().post("/login/", {"username": "otto", "password": PASSWORD}).status_code == 302
    assert opens(doors) == []


def test_what_was_left_of_an_account_deactivated_by_hand_does_not_come_back(
    people: People, doors: dict[str, Any]
) -> None:
    User.objects.filter(pk=people.other.pk).update(is_active=False)
    user_activate(by=people.admin, user=people.other)
    assert opens(doors) == []


def test_activating_somebody_active_changes_nothing(people: People, doors: dict[str, Any]) -> None:
    user_activate(by=people.admin, user=people.other)
    assert opens(doors) == ["key", "link", "session", "token"]


def test_a_new_password_ends_sessions_tokens_and_login_links(people: People, doors: dict[str, Any]) -> None:
    password_set(user=people.other, password=FRESH)
    assert opens(doors) == ["key"]
    newer = login_link_create(user=people.other).rstrip("/").rsplit("/", 1)[1]
    assert login_link_consume(newer, address="127.0.0.1") == people.other


def test_a_password_set_by_command_ends_login_links_too(people: People, doors: dict[str, Any]) -> None:
    people.other.set_password(FRESH)  # as `manage.py changepassword` does
    people.other.save()
    assert "link" not in opens(doors)


def test_a_hash_that_is_only_renewed_ends_no_link(people: People, settings: Any) -> None:
    login_link_create(user=people.owner)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    assert people.owner.check_password(PASSWORD)
    assert people.owner.password.startswith("scrypt")
    assert LoginLink.objects.count() == 1


def test_many_admissions_are_looked_at_with_three_statements(people: People, django_assert_num_queries: Any) -> None:
    admissions = []
    for user in (people.owner, people.other, people.viewer):
        for n in range(5):
            key, _text = api_key_create(owner=user, name=f"k{n}", scopes=["read"])
            admissions.append(admission_by(key))
        browser = Client()
        browser.force_login(user)
        token, _ends = token_create(user=user, scopes=frozenset({"read"}))
        admissions += [admitted(token)]
        me: Any = browser.get("/api/v1/auth/me").wsgi_request
        admissions.append(me.principal.admission)
    with django_assert_num_queries(3):
        assert those_that_hold(admissions) == set(admissions)
    user_deactivate(by=people.admin, user=people.other)
    password_set(user=people.owner, password=FRESH)
    left = those_that_hold(admissions)
    assert {one.user_id for one in left} == {people.owner.pk, people.viewer.pk}
    assert sum(one.user_id == people.owner.pk for one in left) == 5, "its keys go on"


def test_each_kind_of_end_ends_an_admission(people: People) -> None:
    key, _text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    standing = admission_by(key)
    user = people.owner.pk
    assert those_that_hold([standing]) == {standing}
    for gone in (
        Admission(user_id="user_nobody", key_id=key.pk),
        Admission(user_id=user, key_id="key_nothing"),
        Admission(user_id=user, key_id=key.pk, mark="another"),
        Admission(user_id=user, key_id=key.pk, ends_at=timezone.now() - timedelta(seconds=1)),
        Admission(user_id=user, mark=None),
        Admission(user_id=user, mark="x" * 16, session_key="none"),
    ):
        assert those_that_hold([gone]) == set(), gone
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert those_that_hold([standing]) == set()
