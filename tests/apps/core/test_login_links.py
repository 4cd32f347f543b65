"""A one-time link signs one person in once: by a button, so that previews cannot spend it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.core.accounts import first_admin_ensure, login_link_consume, login_link_create
from apps.core.errors import NotFound
from apps.core.models import LoginLink, User

from .conftest import People


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def configured(settings: Any, **changes: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update=changes)


def test_opening_the_link_uses_nothing_and_the_button_signs_in_once(anonymous: Client, people: People) -> None:
    path = path_of(login_link_create(user=people.owner))
    for _ in range(3):
        page = anonymous.get(path)
        assert page.status_code == 200
        assert b"olga" in page.content
        assert anonymous.head(path).status_code == 200
    assert anonymous.get("/account/").status_code == 302
    assert anonymous.post(path)["Location"] == "/"
    assert anonymous.get("/account/").status_code == 200
    again = Client().post(path)
    assert again.status_code == 404
    assert b"login_link" in again.content


def test_only_a_hash_of_the_link_is_kept(people: People) -> None:
    token = login_link_create(user=people.owner).rstrip("/").rsplit("/", 1)[1]
    row = LoginLink.objects.get()
    assert token not in {row.token_hash, row.link_id}
    assert re.fullmatch(r"[0-9a-f]{64}", row.token_hash)
    assert len(token) >= 43


def test_a_link_ends_after_a_day(anonymous: Client, people: People) -> None:
    path = path_of(login_link_create(user=people.owner))
    link = LoginLink.objects.get()
    assert timedelta(hours=23, minutes=59) < link.expires_at - timezone.now() <= timedelta(hours=24)
    LoginLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert anonymous.get(path).status_code == 404
    assert anonymous.post(path).status_code == 404


def test_the_embedded_link_works_on_this_machine_only_and_says_how_to_get_there(people: People, settings: Any) -> None:
    configured(settings, api_host="127.0.0.1", public_url=None, api_port=8000)
    link = login_link_create(user=people.owner)
    assert link.startswith("http://127.0.0.1:8000/login/link/")
    far = Client(REMOTE_ADDR="192.0.2.7").post(path_of(link))
    assert far.status_code == 403
    assert b"ssh -L 8000:127.0.0.1:8000" in far.content
    assert Client(REMOTE_ADDR="::1").post(path_of(link)).status_code == 302


def test_a_link_of_a_public_place_works_from_anywhere_and_leads_to_its_public_name(
    people: People, settings: Any
) -> None:
    configured(settings, api_host="0.0.0.0", public_url="https://lab.example.org")
    link = login_link_create(user=people.owner)
    assert link.startswith("https://lab.example.org/login/link/")
    assert Client(REMOTE_ADDR="192.0.2.7").post(path_of(link)).status_code == 302


def test_whoever_was_invited_chooses_a_password_first(people: People) -> None:
    people.owner.set_unusable_password()
    people.owner.save()
    path = path_of(login_link_create(user=people.owner, loopback_only=False))
    assert Client(REMOTE_ADDR="192.0.2.7").post(path)["Location"] == "/account/password/"


def test_the_link_of_somebody_deactivated_is_dead(anonymous: Client, people: People) -> None:
    path = path_of(login_link_create(user=people.owner))
    User.objects.filter(pk=people.owner.pk).update(is_active=False)
    assert anonymous.post(path).status_code == 404


def test_a_made_up_link_is_not_found_and_guessing_is_slowed(anonymous: Client, people: People) -> None:
    statuses = [anonymous.get(f"/login/link/guess-{n}/").status_code for n in range(61)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


def test_the_button_needs_its_token(people: People) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path_of(login_link_create(user=people.owner))).status_code == 403


def test_of_two_who_use_a_link_at_once_one_is_let_in(several_connections: None) -> None:
    user = first_admin_ensure()
    token = login_link_create(user=user).rstrip("/").rsplit("/", 1)[1]

    def use(_n: int) -> bool:
        try:
            return login_link_consume(token, address="127.0.0.1") == user
        except NotFound:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]


def test_old_links_are_swept_when_one_is_made(people: People) -> None:
    login_link_create(user=people.owner)
    LoginLink.objects.update(expires_at=timezone.now() - timedelta(days=31))
    login_link_create(user=people.owner)
    assert LoginLink.objects.count() == 1


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("login_link", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db
def test_the_command_makes_the_first_admin_who_cannot_be_guessed() -> None:
    link, advice = run()
    admin = User.objects.get()
    assert (admin.username, admin.role, admin.is_staff) == ("admin", "admin", True)
    assert not admin.has_usable_password()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/login/link/[\w-]+/\n", link)
    assert "ssh -L" in advice
    run()
    assert User.objects.count() == 1


def test_the_command_prints_a_link_for_whoever_is_named(people: People, anonymous: Client) -> None:
    link, _advice = run("--user", "olga")
    anonymous.post(path_of(link.strip()))
    assert b"olga" in anonymous.get("/account/").content
    with pytest.raises(CommandError, match="Nobody is named 'zoe'"):
        run("--user", "zoe")
    User.objects.filter(username="otto").update(is_active=False)
    with pytest.raises(CommandError, match="deactivated"):
        run("--user", "otto")


def test_a_lab_whose_admin_has_another_name_gets_no_second_one(people: People) -> None:
    assert first_admin_ensure() == people.admin
