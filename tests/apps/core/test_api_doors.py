"""The API opens to a session or a bearer; scopes are enforced at the door, CSRF on a session's writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import AsyncClient, Client

from apps.core.edge.visitors import visitor_of
from apps.core.models import ApiKey, SystemEvent
from apps.core.system_events import system_event_record

from .conftest import People, Program

ME = "/api/v1/auth/me"
KEYS = "/api/v1/auth/keys"


def test_a_session_reads_and_its_writes_need_the_csrf_token(people: People) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people.owner)
    assert browser.get(ME).status_code == 200
    refused = browser.post(KEYS, {"name": "k"}, content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["error"]["message"]
    assert not ApiKey.objects.exists()
    browser.get("/account/")
    token = browser.cookies["csrftoken"].value
    made = browser.post(KEYS, {"name": "k"}, content_type="application/json", headers={"x-csrftoken": token})
    assert made.status_code == 201


def test_a_bearer_needs_no_csrf_token_and_a_wrong_one_is_not_tried_as_a_session(
    people: People, program: Callable[..., Program]
) -> None:
    strict = program(people.owner, "read", "write")
    strict.client.handler.enforce_csrf_checks = True
    assert strict.call("post", KEYS, {"name": "k"}).status_code == 201
    browser = Client(headers={"authorization": "Bearer tk_wrong_one"})
    browser.force_login(people.owner)
    assert browser.get(ME).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic b2xnYTpwdw==", "bearer a b", "Bearer \x7f\xff"])
def test_strangers_are_told_how_to_come_in(anonymous: Client, header: str) -> None:
    answer = anonymous.get(ME, headers={"authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_reading_needs_read_and_writing_needs_write(people: People, program: Callable[..., Program]) -> None:
    reader, writer = program(people.owner, "read"), program(people.owner, "write")
    assert reader.call("get", ME).status_code == 200
    refused = reader.call("post", KEYS, {"name": "k"})
    assert refused.status_code == 403
    assert "'write'" in refused.json()["error"]["message"]
    assert writer.call("get", ME).status_code == 403
    assert writer.call("post", KEYS, {"name": "k", "scopes": ["write"]}).status_code == 201


def test_a_viewer_writes_nothing_by_session_either(people: People, as_: Callable[..., Client]) -> None:
    event = system_event_record(event_type="t", event_source="s", severity="error", message="m")
    browser = as_(people.viewer)
    assert browser.get(f"/api/v1/system/events/{event.public_id}").status_code == 200
    assert browser.post(f"/api/v1/system/events/{event.public_id}/resolve").status_code == 403
    assert SystemEvent.objects.get().resolved_at is None


async def test_the_doors_hold_for_asynchronous_requests(transactional_db: None) -> None:
    client = AsyncClient(raise_request_exception=False)
    assert (await client.get(ME)).status_code == 401
    assert (await client.get("/account/")).status_code == 302
    assert (await client.get("/api/v1/nowhere")).json()["error"]["code"] == "NOT_FOUND"


def test_single_user_mode_makes_whoever_sits_here_the_admin(db: None, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"enable_auth": False})
    here = Client(enforce_csrf_checks=True)
    assert here.get(ME).json()["role"] == "admin"
    assert here.get("/account/").status_code == 200
    assert here.get("/login/")["Location"] == "/"
    refused = here.post(KEYS, {"name": "k"}, content_type="application/json")
    assert refused.status_code == 403, "another site open in the browser is still another site"
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert elsewhere.get(ME).status_code == 401
    assert elsewhere.get("/account/").status_code == 302


def test_with_authentication_nobody_is_let_in_for_sitting_here(anonymous: Client) -> None:
    assert anonymous.get(ME).status_code == 401


def test_in_single_user_mode_sockets_of_other_machines_are_strangers(db: None, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"enable_auth": False})
    scope: dict[str, Any] = {"type": "websocket", "headers": [], "query_string": b""}
    assert visitor_of({**scope, "client": ("127.0.0.1", 5)}) is not None
    assert visitor_of({**scope, "client": ("192.0.2.7", 5)}) is None
