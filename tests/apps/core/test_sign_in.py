"""People sign in by password, at a pace no guesser can use, and stay on this site."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from apps.core.models import User
from config.env import AppConfig

from .conftest import PASSWORD, Clock, People


def sign_in(client: Client, name: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/login/", {"username": name, "password": password, **more})


def test_a_member_signs_in_and_goes_where_they_wanted(anonymous: Client, people: People) -> None:
    refused = anonymous.get("/account/")
    assert refused.status_code == 302
    assert refused["Location"] == "/login/?next=/account/"
    page = anonymous.get(refused["Location"])
    assert b'name="next" value="/account/"' in page.content
    done = sign_in(anonymous, "olga", next="/account/")
    assert (done.status_code, done["Location"]) == (302, "/account/")
    assert anonymous.get("/account/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_read_the_same(anonymous: Client, people: People) -> None:
    wrong = sign_in(anonymous, "olga", "not it at all")
    unknown = sign_in(anonymous, "nobody", "not it at all")
    inactive_user = people.other
    User.objects.filter(pk=inactive_user.pk).update(is_active=False)
    inactive = sign_in(anonymous, "otto")
    pages = [
        re.sub(rb'value="(olga|nobody|otto)"|name="csrfmiddlewaretoken" value="\w+"|X-CSRFToken":"\w+"', b"", r.content)
        for r in (wrong, unknown, inactive)
    ]
    assert {r.status_code for r in (wrong, unknown, inactive)} == {401}
    assert pages[0] == pages[1] == pages[2]
    assert b"do not match" in wrong.content
    assert "_auth_user_id" not in anonymous.session


@pytest.mark.parametrize("name", ["olga", "nobody", "otto", "vera"])
def test_an_unknown_name_costs_a_hash_as_a_wrong_password_does(
    people: People, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    people.other.set_unusable_password()  # comes by link only
    people.other.save()
    User.objects.filter(pk=people.viewer.pk).update(is_active=False)
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    assert authenticate(None, username=name, password="not it at all") is None
    assert len(hashed) == 1


def test_the_eleventh_attempt_in_a_minute_waits_even_with_the_right_password(anonymous: Client, people: People) -> None:
    limit = AppConfig().login_attempts_per_minute
    for _ in range(limit):
        assert sign_in(anonymous, "olga", "wrong").status_code == 401
    throttled = sign_in(anonymous, "olga")
    assert throttled.status_code == 429
    assert 1 <= int(throttled["Retry-After"]) <= 60
    assert b"Too many attempts to sign in" in throttled.content
    assert sign_in(anonymous, "otto").status_code == 302, "another member at the same address is not kept out"


def test_one_address_may_not_try_many_names(anonymous: Client, people: People, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"login_attempts_per_minute": 1})
    statuses = [sign_in(anonymous, f"name{n}", "wrong").status_code for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    elsewhere = Client(REMOTE_ADDR="10.1.1.1")
    assert sign_in(elsewhere, "olga").status_code == 302


def test_one_name_may_not_be_guessed_from_many_addresses(people: People, settings: Any, minute: Clock) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"login_attempts_per_hour": 6})

    def guess(n: int, name: str = "olga", password: str = "wrong") -> Any:
        return sign_in(Client(REMOTE_ADDR=f"203.0.113.{n}"), name, password)

    assert [guess(n).status_code for n in range(8)] == [401] * 6 + [429] * 2
    throttled = guess(9, password=PASSWORD)
    assert throttled.status_code == 429
    assert 0 < int(throttled["Retry-After"]) <= 3600
    assert guess(10, "OLGA").status_code == 429, "however it is written"
    assert guess(11, "otto", PASSWORD).status_code == 302, "another member is not kept out"
    assert [guess(n, "nobody").status_code for n in range(8)] == [401] * 6 + [429] * 2, "an unknown name reads the same"
    minute.now += 3600
    assert guess(12, password=PASSWORD).status_code == 302


def test_a_guesser_elsewhere_does_not_keep_a_member_out_where_they_are_known(people: People, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"login_attempts_per_hour": 5})
    home = "198.51.100.1"
    assert sign_in(Client(REMOTE_ADDR=home), "olga").status_code == 302
    for n in range(9):
        sign_in(Client(REMOTE_ADDR=f"203.0.113.{n}"), "olga", "wrong")
    assert sign_in(Client(REMOTE_ADDR="203.0.113.99"), "olga").status_code == 429
    assert sign_in(Client(REMOTE_ADDR=home), "olga").status_code == 302
    assert [sign_in(Client(REMOTE_ADDR=home), "olga", "wrong").status_code for _ in range(7)] == [401] * 5 + [429] * 2


def test_signing_in_does_not_give_a_guesser_new_attempts(people: People, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"login_attempts_per_hour": 3})
    for n in range(3):
        assert sign_in(Client(REMOTE_ADDR=f"203.0.113.{n}"), "olga", "wrong").status_code == 401
        sign_in(Client(REMOTE_ADDR="198.51.100.1"), "olga")
    assert sign_in(Client(REMOTE_ADDR="203.0.113.9"), "olga", "wrong").status_code == 429


def test_signing_in_well_gives_the_attempts_back(anonymous: Client, people: People) -> None:
    for _ in range(30):
        assert sign_in(Client(), "olga").status_code == 302


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\x0d\x0aX: y",
    ],
)
def test_next_never_leads_to_another_site(anonymous: Client, people: People, target: str) -> None:
    assert b"evil" not in anonymous.get("/login/", {"next": target}).content
    assert sign_in(anonymous, "olga", next=target)["Location"] == "/"


def test_signing_in_makes_a_new_session_so_that_none_can_be_planted(anonymous: Client, people: People) -> None:
    session = anonymous.session
    session["planted"] = True
    session.save()
    before = session.session_key
    sign_in(anonymous, "olga")
    assert anonymous.session.session_key != before
    assert not Session.objects.filter(pk=before).exists()


def test_sessions_that_have_ended_are_swept_when_somebody_signs_in(anonymous: Client, people: People) -> None:
    sign_in(Client(), "olga")
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    sign_in(anonymous, "otto")
    assert Session.objects.count() == 1


def test_the_session_cookie_is_for_http_and_this_site_only(anonymous: Client, people: People) -> None:
    cookie = sign_in(anonymous, "olga").cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_forms_without_their_token_are_refused_with_a_page_that_says_so(people: People) -> None:
    strict = Client(enforce_csrf_checks=True)
    refused = sign_in(strict, "olga")
    assert refused.status_code == 403
    assert b"Reload the page and send it again" in refused.content


def test_signing_out_takes_a_post(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    assert browser.get("/logout/").status_code == 405
    assert browser.get("/account/").status_code == 200
    assert browser.post("/logout/")["Location"] == "/login/"
    assert browser.get("/account/").status_code == 302


def test_deactivation_ends_a_session_at_once(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    User.objects.filter(pk=people.owner.pk).update(is_active=False)
    assert browser.get("/account/").status_code == 302


def test_the_admins_own_login_page_cannot_be_used_to_guess(
    anonymous: Client, as_: Callable[..., Client], people: People
) -> None:
    assert anonymous.get("/admin/login/?next=/admin/")["Location"] == "/login/?next=/admin/"
    posted = anonymous.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert posted.status_code == 405
    refused = as_(people.viewer).get("/admin/", follow=True)
    assert refused.status_code == 403, "a member without the role is told, not led in a circle"


def test_a_fragment_request_of_somebody_signed_out_sends_the_page_to_the_login(anonymous: Client) -> None:
    answer = anonymous.get(
        "/account/", headers={"hx-request": "true", "hx-current-url": "http://testserver/tasks/?q=a&page=2"}
    )
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/login/?next=%2Ftasks%2F%3Fq%3Da%26page%3D2"


def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(
    as_: Callable[..., Client], people: People
) -> None:
    here, elsewhere = as_(people.owner), as_(people.owner)
    fresh = "another long one 0815"
    wrong = here.post("/account/password/", {"old_password": "no", "new_password1": fresh, "new_password2": fresh})
    assert wrong.status_code == 422
    weak = here.post(
        "/account/password/", {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    )
    assert weak.status_code == 422
    done = here.post("/account/password/", {"old_password": PASSWORD, "new_password1": fresh, "new_password2": fresh})
    assert done["Location"] == "/account/"
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302


def test_a_member_who_came_by_a_link_sets_a_first_password(as_: Callable[..., Client], people: People) -> None:
    people.owner.set_unusable_password()
    people.owner.save()
    browser = as_(people.owner)
    page = browser.get("/account/password/")
    assert b"old_password" not in page.content
    done = browser.post("/account/password/", {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert done.status_code == 302
    assert sign_in(Client(), "olga").status_code == 302
