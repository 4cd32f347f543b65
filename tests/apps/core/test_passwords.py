"""A password that can be set can be used at every door, and who forgot theirs comes in by a link and sets another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.core.accounts import login_link_create, password_set
from apps.core.accounts.passwords import MAX_PASSWORD
from apps.core.errors import Invalid
from apps.core.models import User

from .conftest import PASSWORD, People

FRESH = "another long one 0815"
PAGE = "/account/password/"


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def choose(browser: Client, password: str, **more: str) -> Any:
    return browser.post(PAGE, {"new_password1": password, "new_password2": password, **more})


def sign_in(password: str, name: str = "olga") -> Any:
    return Client().post("/login/", {"username": name, "password": password})


@pytest.mark.parametrize("length", [10, 129, MAX_PASSWORD])
def test_a_password_of_any_allowed_length_opens_the_page_and_the_api(
    as_: Callable[..., Client], people: People, length: int
) -> None:
    password = ("aB3-é漢 " * 200)[:length]
    assert choose(as_(people.owner), password, old_password=PASSWORD).status_code == 302
    assert sign_in(password).status_code == 302
    body = {"username": "olga", "password": password}
    assert Client().post("/api/v1/auth/token", body, content_type="application/json").status_code == 200


def test_a_longer_one_is_refused_where_it_is_set(as_: Callable[..., Client], people: People) -> None:
    long = "aB3-" * (MAX_PASSWORD // 4) + "x"
    answer = choose(as_(people.owner), long, old_password=PASSWORD)
    assert answer.status_code == 422
    assert f"{MAX_PASSWORD} are the most".encode() in answer.content
    with pytest.raises(Invalid, match=r"1025 characters") as refused:
        password_set(user=people.owner, password=long)
    assert (refused.value.field, refused.value.status) == ("password", 422)
    assert sign_in(PASSWORD).status_code == 302


@pytest.mark.parametrize("odd", ["long enough \x00 4711", "long enough \ud800 4711"])
def test_one_that_could_not_be_sent_again_is_refused(people: People, odd: str) -> None:
    with pytest.raises(Invalid):
        password_set(user=people.owner, password=odd)


def test_who_forgot_the_password_comes_by_link_and_sets_another(people: People) -> None:
    path = path_of(login_link_create(user=people.owner, loopback_only=False))
    browser = Client(REMOTE_ADDR="192.0.2.7")
    assert b"set a new password" in browser.get(path).content
    assert browser.post(path, {"then": "password"})["Location"] == PAGE
    page = browser.get(PAGE)
    assert b"old_password" not in page.content
    assert b"the old one is not asked for" in page.content
    assert choose(browser, FRESH)["Location"] == "/account/"
    assert sign_in(FRESH).status_code == 302
    assert sign_in(PASSWORD).status_code == 401
    assert b"old_password" in browser.get(PAGE).content, "once"
    assert choose(browser, "yet another one 99").status_code == 422


def test_who_is_still_signed_in_can_use_a_link_too(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    path = path_of(login_link_create(user=people.owner))
    assert b"You are signed in as olga now" in browser.get(path).content
    assert browser.post(path, {"then": "password"})["Location"] == PAGE
    assert choose(browser, FRESH).status_code == 302


def test_after_an_hour_the_old_password_is_asked_for_again(people: People) -> None:
    browser = Client()
    browser.post(path_of(login_link_create(user=people.owner)))
    session = browser.session
    session["came_by_link_at"] -= 3601
    session.save()
    assert b"old_password" in browser.get(PAGE).content
    assert choose(browser, FRESH).status_code == 422


def test_a_session_by_password_asks_for_the_old_one(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    assert choose(browser, FRESH).status_code == 422
    assert sign_in(PASSWORD).status_code == 302


def test_a_session_left_open_is_no_place_to_guess_the_password(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    statuses = [choose(browser, FRESH, old_password="wrong").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    assert choose(browser, FRESH, old_password=PASSWORD).status_code == 429
    assert User.objects.get(pk=people.owner.pk).check_password(PASSWORD)


def test_a_link_of_somebody_else_makes_the_browser_theirs(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.owner)
    path = path_of(login_link_create(user=people.other))
    assert b"olga" in browser.get(path).content
    browser.post(path)
    assert browser.get("/api/v1/auth/me").json()["username"] == "otto"


def test_the_admins_own_page_for_passwords_leads_to_ours(as_: Callable[..., Client], people: People) -> None:
    answer = as_(people.admin).get("/admin/password_change/")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    posted = as_(people.admin).post("/admin/password_change/", {"new_password1": FRESH})
    assert posted.status_code == 302
    assert sign_in(PASSWORD, "ada").status_code == 302
