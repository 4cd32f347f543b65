"""Every endpoint and every page, walked with ids that exist: strangers get nothing, members change only what is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.core.accounts import api_key_create
from apps.core.models import User

from .conftest import People, Program
from .furnished import furnish
from .walk import PAGES, READS, addresses, filled, operations, send, state, taking_files

ANYBODY = {("post", "/api/v1/auth/token")}
OPEN_PAGES = ("/healthz", "/login/")
OPERATIONS = operations()
FILES = taking_files()
"""These take a form of files; the tests of importing send them what they want."""
WRITES = [
    (method, path)
    for method, path in OPERATIONS
    if method not in READS and (method, path) not in ANYBODY and (method, path) not in FILES
]
ROLES = ("viewer", "other", "owner", "curator", "admin")

OWNER, CURATOR, ADMIN, ANY, SELF = (
    {"owner", "admin"},
    {"curator", "admin"},
    {"admin"},
    {"other", "owner", "curator", "admin"},
    {"owner"},
)
RULES: dict[str, set[str]] = {
    "post /api/v1/auth/keys": ANY,
    "delete /api/v1/auth/keys/{key_id}": SELF,
    "post /api/v1/auth/users": ADMIN,
    "patch /api/v1/auth/users/{user_id}": ADMIN,
    "post /api/v1/system/events/{event_id}/resolve": ANY,
    "post /api/v1/jobs/cancel": ANY,
    "post /api/v1/services": ANY,
    "post /api/v1/carbon/budgets": ANY,
    "post /api/v1/experiments": ANY,
    "post /api/v1/experiments/{experiment_id}/duplicate": ANY,
    "post /api/v1/training/jobs": ANY,
    "post /api/v1/training/jobs/{training_id}/rerun": ANY,
    "post /api/v1/training/jobs/{training_id}/clone": ANY,
    "post /api/v1/training/jobs/{training_id}/fork": ANY,
    "post /api/v1/training/uploads": ANY,
    "post /api/v1/training/datasets/from-upload": ANY,
    "post /api/v1/training/datasets/from-tasks": ANY,
    "post /api/v1/training/datasets/from-answers": ANY,
    "post /api/v1/training/datasets/{dataset_id}/split": ANY,
    "post /api/v1/training/datasets/{dataset_id}/tokens": ANY,
}
"""Who may write there, all of it being `owner`'s. Elsewhere: curators below /tasks, the owner and admins of the rest."""


def rule(method: str, path: str) -> set[str]:
    return RULES.get(f"{method} {path}", CURATOR if path.startswith("/api/v1/tasks") else OWNER)


def test_the_walk_is_long() -> None:
    assert len(OPERATIONS) > 40
    assert len(WRITES) > 15
    assert len(PAGES) > 40


def test_every_rule_is_about_an_endpoint_there_is() -> None:
    assert set(RULES) <= {f"{method} {path}" for method, path in WRITES}


def test_strangers_get_401_from_every_endpoint(people: People, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    ids = furnish(people)
    before = state()
    stranger = Client(raise_request_exception=False)
    revoked = Program(f"tk_{'0' * 12}_{'0' * 48}").client
    for method, path in OPERATIONS:
        for who in (stranger, revoked):
            answer = send(who, method, filled(path, ids))
            assert answer.status_code == (422 if (method, path) in ANYBODY else 401), f"{method} {path}"
            assert answer.json()["success"] is False
    assert state() == before


def client_of(people: People, name: str, *, by_key: bool) -> Client:
    user: User = getattr(people, name)
    if by_key:
        scopes = {"viewer": ["read"], "admin": ["read", "write", "admin"]}.get(name, ["read", "write"])
        return Program(api_key_create(owner=user, name="walk", scopes=scopes)[1]).client
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    return browser


@pytest.mark.parametrize("by_key", [True, False], ids=["key", "session"])
@pytest.mark.parametrize("name", ROLES)
def test_each_role_is_refused_where_the_rules_say_so(people: People, settings: Any, name: str, by_key: bool) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    ids = furnish(people)
    who = client_of(people, name, by_key=by_key)
    before = state()
    walked = 0
    for method, path in WRITES:
        if name in rule(method, path):
            continue
        answer = send(who, method, filled(path, ids), _some_body(path))
        private = "{key_id}" in path and name != "viewer"
        assert answer.status_code == (404 if private else 403), f"{name} {method} {path}: {answer.content!r}"
        walked += 1
    assert walked >= (0 if name == "admin" else 8)
    assert state() == before, "nothing of what was refused happened"


def _some_body(path: str) -> str:
    """A body that passes its schema, so that the role is what refuses it."""
    grids = '[{"input": [[1]], "output": [[2]]}]'
    bodies = {
        "/users": '{"username": "mallory", "role": "admin"}',
        "/tasks": f'{{"raw_id": "m", "train_examples": {grids}, "tests": {grids}}}',
        "/tasks/difficulty": '{"task_ids": ["lab:a"], "difficulty_level": "hard"}',
        "/families": '{"family_name": "Mine"}',
        "/services": '{"kind": "none"}',
        "/tasks/family": '{"task_ids": ["lab:a"], "family_id": null}',
        "/mapping": '{"shape": "chat", "messages": "m"}',
        "/datasets/{dataset_id}": '{"description": "mine"}',
        "/tasks/import": f'{{"tasks": {{"m": {{"train": {grids}, "test": {grids}}}}}}}',
    }
    return next((body for end, body in bodies.items() if path.endswith(end)), "{}")


@pytest.mark.parametrize("name", ["owner", "curator", "admin"])
def test_each_role_is_let_in_where_the_rules_say_so(people: People, settings: Any, name: str) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    ids = furnish(people)
    who = client_of(people, name, by_key=True)
    for method, path in WRITES:
        if name in rule(method, path) and path != "/api/v1/auth/users/{user_id}":  # which would shut the walker out
            answer = send(who, method, filled(path, ids), _some_body(path))
            assert answer.status_code not in {401, 403}, f"{name} {method} {path}: {answer.content!r}"


def test_members_read_what_others_own(people: People, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    ids = furnish(people)
    browser = client_of(people, "viewer", by_key=False)
    private = {"/api/v1/auth/keys/{key_id}": 404, "/api/v1/auth/users": 403, "/api/v1/tasks/imports/{import_id}": 403}
    for method, path in OPERATIONS:
        if method != "get" or path.endswith("/stream"):
            continue
        answer = browser.get(filled(path, ids))
        assert answer.status_code in {private.get(path, 200)} or _asks_for_more(answer), f"{path}: {answer.content!r}"


def _asks_for_more(answer: Any) -> bool:
    """A read that needs a query we did not send says which."""
    return answer.status_code == 422 and bool(answer.json()["error"]["details"]["field"])


def test_strangers_are_led_to_the_login_from_every_page(people: People) -> None:
    ids = furnish(people)
    before = state()
    stranger = Client(raise_request_exception=False)
    for route in PAGES:
        for page in addresses(route, ids):
            for method in ("get", "post"):
                answer = getattr(stranger, method)(page)
                if page.startswith(OPEN_PAGES):
                    assert answer.status_code in {200, 404, 405, 422}, page
                elif page in {"/logout/", "/favicon.ico", "/api/openapi.json"}:
                    assert answer.status_code in {302, 401, 405}, page
                else:
                    assert answer.status_code in {302, 405}, f"{method} {page}: {answer.status_code}"
                    if answer.status_code == 302:
                        assert answer["Location"].startswith("/login/?next="), answer["Location"]
    assert state() == before


OWN = ("/account/", "/login/", "/logout/", "/healthz")
"""What everybody may do with what is theirs."""

OF_CURATORS = ("/tasks/",)
LISTS_OF_ANYBODY = ("/carbon/budgets/",)
"""Where a form stands on the list itself: what is below has an owner."""
OF_ANYBODY = (
    "/experiments/new/",
    "/system/events/",
    "/system/jobs/cancel/",
    "/training/datasets/new/",
)
OF_OWNERS = ("/carbon/budgets/", "/experiments/", "/system/jobs/", "/system/services/", "/training/")


@pytest.mark.parametrize("name", ["viewer", "other", "owner", "curator"])
def test_pages_are_held_to_the_same_rules(people: People, name: str) -> None:
    ids = furnish(people)
    browser = client_of(people, name, by_key=False)
    before = state()
    refused = 0
    for route in PAGES:
        if route.startswith(OWN) or _may_post(name, route):
            continue
        for page in addresses(route, ids):
            answer = browser.post(page, {"name": "Mallory", "phrase": "Trial", "role": "admin", "username": "m"})
            assert answer.status_code in {200, 302, 403, 404, 405}, f"{page}: {answer.status_code}"
            refused += answer.status_code == 403
            assert state() == before, f"{name} changed something by {page}"
    assert refused > 8


def _may_post(name: str, route: str) -> bool:
    if name == "viewer":
        return False
    if name == "curator" and route.startswith(OF_CURATORS):
        return True
    if route in LISTS_OF_ANYBODY or route.startswith(OF_ANYBODY):
        return True
    return name == "owner" and route.startswith(OF_OWNERS)


def test_every_writing_page_asks_for_the_csrf_token(people: People) -> None:
    ids = furnish(people)
    strict = Client(raise_request_exception=False, enforce_csrf_checks=True)
    strict.force_login(people.admin)
    before = state()
    for route in PAGES:
        for page in addresses(route, ids):
            answer = strict.post(page, {"csrfmiddlewaretoken": "a" * 64}, headers={"x-csrftoken": "b" * 64})
            assert answer.status_code in {403, 404, 405}, f"{page}: {answer.status_code}"
    assert state() == before


def test_every_writing_endpoint_asks_a_session_for_the_csrf_token(people: People, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    ids = furnish(people)
    strict = Client(raise_request_exception=False, enforce_csrf_checks=True)
    strict.force_login(people.admin)
    before = state()
    for method, path in WRITES:
        answer = send(strict, method, filled(path, ids), _some_body(path))
        assert (answer.status_code, "CSRF" in answer.json()["error"]["message"]) == (403, True), f"{method} {path}"
    assert state() == before


def test_the_admin_site_is_closed_to_strangers_viewers_and_researchers(people: People) -> None:
    ids = furnish(people)
    paths = [
        "/admin/",
        "/admin/core/user/",
        f"/admin/core/user/{people.owner.pk}/change/",
        f"/admin/core/apikey/{ids['key_id']}/change/",
        "/admin/tasks/arctask/",
        "/admin/tasks/arctask/lab:a/change/",
        f"/admin/tasks/taskfamily/{ids['family_id']}/delete/",
        "/admin/core/apikey/",
    ]
    before = state()
    for user in (None, people.viewer, people.owner):
        client = Client(raise_request_exception=False)
        if user is not None:
            client.force_login(user)
        for path in paths:
            for method in ("get", "post"):
                answer = getattr(client, method)(path, {"post": "yes"} if method == "post" else None, follow=True)
                if user is None:
                    assert answer.status_code == 200
                    assert answer.redirect_chain[-1][0].startswith("/login/")
                else:
                    assert answer.status_code in {403, 405}, f"{user} {path}"
    assert state() == before
