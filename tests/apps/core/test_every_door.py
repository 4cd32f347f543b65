"""Every endpoint and every page, walked: strangers get nothing, viewers change nothing, members only what is theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.core.accounts import api_key_create
from apps.core.models import ApiKey, Job, SystemEvent, User
from apps.experiments.models import Experiment
from apps.tasks.models import ArcTask, TaskFamily
from config.api import api

from .conftest import People, Program
from .furnished import furnish

READS = {"get", "head", "options"}
ANYBODY = {("post", "/api/v1/auth/token")}
OPEN_PAGES = {"/healthz", "/login/", "/login/link/x/"}
OWNED = ("experiment_id", "job_id", "key_id")
"""What has an owner; the rest of the writes are by role."""


def operations() -> list[tuple[str, str]]:
    """Every method and path of the OpenAPI document."""
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


OPERATIONS = operations()
WRITES = [(method, path) for method, path in OPERATIONS if method not in READS and (method, path) not in ANYBODY]


def filled(path: str, ids: dict[str, str] | None = None) -> str:
    """The path with ids in place; a parameter nobody furnished is a defect of the fixture."""
    return re.sub(r"{(\w+)}", lambda found: (ids or {})[found[1]] if ids else "x", path)


def send(client: Client, method: str, path: str) -> Any:
    if method == "get":
        return client.get(path)
    return client.generic(method.upper(), path, "{}", content_type="application/json")


def state() -> dict[str, list[Any]]:
    """What nobody may have changed."""
    rows = {
        "tasks": ArcTask.objects.values("pk", "version", "family_id", "difficulty_level", "metadata"),
        "families": TaskFamily.objects.values("pk", "family_name", "description"),
        "experiments": Experiment.objects.values("pk", "name", "status"),
        "jobs": Job.objects.values("pk", "status", "cancel_requested_at", "pause_requested_at"),
        "events": SystemEvent.objects.values("pk", "resolved_at"),
        "keys": ApiKey.objects.exclude(owner__username__in=["otto", "vera"]).values("pk", "revoked_at"),
        "users": User.objects.values("pk", "role", "is_active", "password"),
    }
    return {name: list(values.order_by("pk")) for name, values in rows.items()}


def test_the_walk_is_long() -> None:
    assert len(OPERATIONS) > 40
    assert len(WRITES) > 15


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_strangers_get_401_from_every_endpoint(db: None, method: str, path: str) -> None:
    answer = send(Client(raise_request_exception=False), method, filled(path))
    assert answer.status_code == (422 if (method, path) in ANYBODY else 401)
    assert answer.json()["success"] is False


def test_viewers_read_everything_and_change_nothing(people: People) -> None:
    ids = furnish(people)
    before = state()
    browser = Client(raise_request_exception=False)
    browser.force_login(people.viewer)
    _key, text = api_key_create(owner=people.viewer, name="v", scopes=["read"])
    for method, path in WRITES:
        for who in (browser, Program(text).client):
            answer = send(who, method, filled(path, ids))
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN"), f"{method} {path}"
    assert state() == before


def test_members_read_what_others_own(people: People) -> None:
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.viewer)
    private = {"/api/v1/auth/keys/{key_id}": 404, "/api/v1/auth/users": 403, "/api/v1/tasks/imports/{import_id}": 403}
    for method, path in OPERATIONS:
        if method != "get" or path.endswith("/stream"):
            continue
        answer = browser.get(filled(path, ids))
        assert answer.status_code in {private.get(path, 200)} or _asks_for_more(answer), f"{path}: {answer.content!r}"


def _asks_for_more(answer: Any) -> bool:
    """A read that needs a query we did not send says which."""
    return answer.status_code == 422 and bool(answer.json()["error"]["details"]["field"])


def test_other_members_change_nothing_that_is_not_theirs(people: People) -> None:
    ids = furnish(people)
    before = state()
    _key, text = api_key_create(owner=people.other, name="o", scopes=["read", "write"])
    other = Program(text).client
    walked = 0
    for method, path in WRITES:
        if not any(f"{{{name}}}" in path for name in OWNED) or path.endswith(("/duplicate",)):
            continue
        answer = send(other, method, filled(path, ids))
        assert answer.status_code in {403, 404}, f"{method} {path}: {answer.status_code} {answer.content!r}"
        walked += 1
    assert walked >= 8
    assert state() == before


def test_tasks_are_the_curators_and_people_the_admins(people: People) -> None:
    ids = furnish(people)
    before = state()
    clients = {}
    for name in ("owner", "curator"):
        clients[name] = Client(raise_request_exception=False)
        clients[name].force_login(getattr(people, name))
    for method, path in WRITES:
        refused = []
        if path.startswith("/api/v1/tasks"):
            refused = ["owner"]
        elif path.startswith("/api/v1/auth/users"):
            refused = ["owner", "curator"]
        for name in refused:
            answer = send(clients[name], method, filled(path, ids))
            assert answer.status_code in {403, 422, 415, 400}, f"{name} {method} {path}: {answer.content!r}"
            if answer.status_code == 403:
                assert answer.json()["error"]["code"] == "FORBIDDEN"
    assert state() == before


def pages(patterns: list[Any] | None = None, prefix: str = "/") -> Iterator[str]:
    """The address of every page, parameters filled with something that does not exist."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"<(?:(\w+):)?(\w+)>", _stand_in, route)


def _stand_in(parameter: re.Match[str]) -> str:
    """A value the address takes, of something that does not exist."""
    return "1" if parameter[1] == "int" else "lab:none" if parameter[2] == "task_id" else "x"


PAGES = sorted({page for page in pages() if not page.startswith(("/api/v1", "/admin/")) and "^" not in page})


def test_the_walk_over_pages_is_long() -> None:
    assert len(PAGES) > 20


@pytest.mark.parametrize("page", PAGES)
def test_strangers_are_led_to_the_login_from_every_page(db: None, page: str) -> None:
    client = Client(raise_request_exception=False)
    for method in ("get", "post"):
        answer = getattr(client, method)(page)
        if page in OPEN_PAGES or page.startswith("/static/"):
            assert answer.status_code in {200, 404, 405, 422}
        elif page in {"/logout/", "/favicon.ico"}:
            assert answer.status_code in {302, 405}
        else:
            assert answer.status_code in {302, 401, 405}, f"{method} {page}: {answer.status_code}"
            if answer.status_code == 302:
                assert answer["Location"].startswith("/login/?next="), answer["Location"]


@pytest.mark.parametrize("page", PAGES)
def test_viewers_change_nothing_by_any_page(people: People, page: str) -> None:
    own = ("/account/", "/login/", "/logout/", "/healthz")
    if page.startswith(own):
        return
    client = Client(raise_request_exception=False)
    client.force_login(people.viewer)
    before = state()
    answer = client.post(page, {})
    assert answer.status_code in {200, 302, 403, 404, 405}, f"{page}: {answer.status_code}"
    assert state() == before


def test_the_admin_site_is_closed_to_strangers_viewers_and_researchers(people: People) -> None:
    paths = ["/admin/", "/admin/core/user/", "/admin/tasks/arctask/", "/admin/core/apikey/"]
    for user in (None, people.viewer, people.owner):
        client = Client(raise_request_exception=False)
        if user is not None:
            client.force_login(user)
        for path in paths:
            answer = client.get(path, follow=True)
            assert answer.status_code == (200 if user is None else 403)
            if user is None:
                assert answer.redirect_chain[-1][0].startswith("/login/")
