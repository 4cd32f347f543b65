"""Admins invite people, change their roles and shut their doors; nobody else does, and one admin always stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.core.accounts import user_deactivate, user_role_set
from apps.core.errors import Conflict
from apps.core.models import User

from .conftest import People, Program, make_user


def test_an_invitation_is_a_link_shown_once_that_leads_to_choosing_a_password(
    as_: Callable[..., Client], people: People
) -> None:
    admin = as_(people.admin)
    page = admin.post("/people/invite/", {"username": "nina", "email": "nina@example.org", "role": "curator"})
    assert page.status_code == 201
    link = re.search(r"http://testserver(/login/link/[\w-]+/)", page.content.decode()).group(1)  # type: ignore[union-attr]
    nina = User.objects.get(username="nina")
    assert (nina.role, nina.is_staff, nina.is_superuser) == ("curator", True, False)
    guest = Client(REMOTE_ADDR="192.0.2.9")
    assert guest.post(link)["Location"] == "/account/password/"
    assert link.encode() not in admin.get("/people/").content


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"username": "olga"}, b"already a member"),
        ({"username": "OLGA"}, b"already a member"),
        ({"username": "two words"}, b"Enter a valid username"),
        ({"username": "x", "role": "king"}, b"Select a valid choice"),
        ({"username": "x", "email": "no"}, b"valid email"),
        ({"username": ""}, b"required"),
    ],
)
def test_an_invitation_that_cannot_be_used_says_why(
    as_: Callable[..., Client], people: People, values: dict[str, str], says: bytes
) -> None:
    page = as_(people.admin).post("/people/invite/", {"role": "viewer", "email": "", **values})
    assert page.status_code == 422
    assert says in page.content
    assert User.objects.count() == 5


@pytest.mark.parametrize("name", ["owner", "viewer", "curator"])
def test_only_admins_look_after_people(as_: Callable[..., Client], people: People, name: str) -> None:
    browser = as_(getattr(people, name))
    target = people.other.pk
    assert browser.get("/people/").status_code == 403
    for path in ("invite", f"{target}/role", f"{target}/link", f"{target}/deactivate", f"{target}/activate"):
        assert browser.post(f"/people/{path}/", {"role": "admin", "username": "x"}).status_code == 403
    assert User.objects.get(pk=target).role == "researcher"


def test_strangers_are_led_to_the_login(anonymous: Client, people: People) -> None:
    assert anonymous.get("/people/")["Location"] == "/login/?next=/people/"
    assert anonymous.post(f"/people/{people.other.pk}/deactivate/").status_code == 302
    assert User.objects.get(pk=people.other.pk).is_active


def test_a_role_takes_effect_at_once(as_: Callable[..., Client], people: People) -> None:
    target = as_(people.other)
    assert target.get("/people/").status_code == 403
    as_(people.admin).post(f"/people/{people.other.pk}/role/", {"role": "admin"})
    assert target.get("/people/").status_code == 200
    assert User.objects.get(pk=people.other.pk).is_superuser
    as_(people.admin).post(f"/people/{people.other.pk}/role/", {"role": "viewer"})
    assert target.get("/people/").status_code == 403
    assert not User.objects.get(pk=people.other.pk).is_staff


def test_deactivating_shuts_and_activating_opens(as_: Callable[..., Client], people: People) -> None:
    target, admin = as_(people.other), as_(people.admin)
    admin.post(f"/people/{people.other.pk}/deactivate/")
    assert target.get("/account/").status_code == 302
    assert admin.post(f"/people/{people.other.pk}/link/").status_code == 409
    admin.post(f"/people/{people.other.pk}/activate/")
    assert target.get("/account/").status_code == 302, "the old session stays dead"
    assert as_(User.objects.get(pk=people.other.pk)).get("/account/").status_code == 200


def test_the_last_admin_stays(people: People) -> None:
    with pytest.raises(Conflict, match="last active admin"):
        user_deactivate(by=people.admin, user=people.admin)
    with pytest.raises(Conflict, match="last active admin"):
        user_role_set(by=people.admin, user=people.admin, role="viewer")
    second = make_user("anna", "admin")
    user_role_set(by=second, user=people.admin, role="viewer")
    assert User.objects.get(pk=people.admin.pk).role == "viewer"


def test_the_list_searches_pages_and_asks_the_same_number_of_questions(
    as_: Callable[..., Client], people: People, django_assert_max_num_queries: Any
) -> None:
    User.objects.bulk_create(User(username=f"guest{n:03}") for n in range(120))
    browser = as_(people.admin)
    with django_assert_max_num_queries(10):
        first = browser.get("/people/")
    assert b"125 members" in first.content
    assert b"guest119" in browser.get("/people/?page=3").content
    assert browser.get("/people/?page=rubbish").status_code == 200
    assert browser.get("/people/?page=999").status_code == 200
    found = browser.get("/people/?q=GUEST07").content
    assert b"guest071" in found
    assert b"guest119" not in found


def test_people_by_api(program: Callable[..., Program], people: People) -> None:
    admin = program(people.admin, "read", "write", "admin")
    invited = admin.call("post", "/api/v1/auth/users", {"username": "nina", "role": "viewer"})
    assert invited.status_code == 201
    body = invited.json()
    assert "/login/link/" in body["link"]
    assert (
        admin.call("post", "/api/v1/auth/users", {"username": "nina"}).json()["error"]["details"]["field"] == "username"
    )
    path = f"/api/v1/auth/users/{body['id']}"
    changed = admin.call("patch", path, {"role": "researcher", "is_active": False}).json()
    assert (changed["role"], changed["is_active"]) == ("researcher", False)
    assert admin.call("patch", path, {"is_active": True}).json()["is_active"] is True
    assert admin.call("patch", f"/api/v1/auth/users/{people.admin.pk}", {"role": "viewer"}).status_code == 409
    assert admin.call("patch", "/api/v1/auth/users/user_nobody", {"role": "viewer"}).status_code == 404
    assert admin.call("get", "/api/v1/auth/users").json()["total"] == 6
    researcher = program(people.owner, "read", "write")
    assert researcher.call("get", "/api/v1/auth/users").status_code == 403
    assert researcher.call("patch", path, {"role": "admin"}).status_code == 403


def test_the_admin_site_shows_curators_the_tasks_and_admins_everything(
    as_: Callable[..., Client], people: People
) -> None:
    everything = as_(people.admin)
    for path in (
        "",
        "core/user/",
        "core/apikey/",
        "core/systemevent/",
        "core/job/",
        "core/jobattempt/",
        "core/worker/",
    ):
        assert everything.get(f"/admin/{path}").status_code == 200, path
    assert everything.get(f"/admin/core/user/{people.owner.pk}/change/").status_code == 200
    assert everything.post(f"/admin/core/user/{people.owner.pk}/change/", {"role": "admin"}).status_code == 403
    curator = as_(people.curator)
    assert curator.get("/admin/").status_code == 200
    assert curator.get("/admin/core/user/").status_code == 403
    assert curator.get("/admin/core/apikey/").status_code == 403
    assert people.curator.has_perm("tasks.change_arctask")
    assert not people.curator.has_perm("experiments.change_experiment")
    assert people.curator.has_perm("experiments.view_experiment")
    assert not people.owner.has_perm("tasks.change_arctask")
