"""Every way to fail is told in one shape with a true status, and never shows the inside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, OperationalError
from django.http import Http404
from django.test import AsyncClient, Client
from pydantic import Field

from apps.core import errors
from apps.core.failures import describe, error_body, failure_of
from apps.core.models import SystemEvent
from tests.patience import PATIENCE

from .conftest import People, Program

KEYS = "/api/v1/auth/keys"
TOKEN = "/api/v1/auth/token"


@pytest.fixture
def probes(settings: Any) -> None:
    """Endpoints and pages that fail, beside the real ones."""
    settings.ROOT_URLCONF = "tests.apps.core.probe_urls"


def post(client: Client, path: str, body: str, content_type: str = "application/json") -> Any:
    return client.post(path, body, content_type=content_type)


def told(response: Any, status: int, code: str) -> dict[str, Any]:
    """The error of a response in the specs' shape, all of it."""
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == code
    error: dict[str, Any] = body["error"]
    assert error["message"]
    return error


def test_422_names_every_field_and_the_first_by_itself(db: None, probes: None, anonymous: Client) -> None:
    answer = post(anonymous, "/api/probe/thing?page=0", '{"lora_r": 999, "name": 1}')
    details = told(answer, 422, "VALIDATION_ERROR")["details"]
    assert (details["field"], details["error"]) == ("lora_r", "Input should be less than or equal to 256")
    assert [problem["field"] for problem in details["errors"]] == ["lora_r", "name", "page"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("{", "application/json", 400, "BAD_REQUEST"),
        ("", "application/json", 422, "VALIDATION_ERROR"),
        ('{"lora_r": NaN}', "application/json", 400, "BAD_REQUEST"),
        ('{"lora_r": Infinity}', "application/json", 400, "BAD_REQUEST"),
        ("[" * 100_000, "application/json", 400, "BAD_REQUEST"),
        ('{"lora_r": ' + "9" * 5000 + "}", "application/json", 422, "VALIDATION_ERROR"),
        ('{"lora_r": 1e400}', "application/json", 422, "VALIDATION_ERROR"),
        ('{"lora_r": 1, "lora_r": 2}', "application/json", 400, "BAD_REQUEST"),
        ('{"lora_r": 1}', "application/json; charset=utf-16", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ('{"lora_r": 1}', 'application/json; charset="UTF-8"', 200, ""),
        ('{"lora_r": 1, "name": "a\\u0000b"}', "application/json", 422, "VALIDATION_ERROR"),
        ('{"lora_r": 1, "name": "\\ud800"}', "application/json", 422, "VALIDATION_ERROR"),
        ('{"lora_r": 1, "\\ud800": 1}', "application/json", 422, "VALIDATION_ERROR"),
        ("[]", "application/json", 422, "VALIDATION_ERROR"),
        ("null", "application/json", 422, "VALIDATION_ERROR"),
        ("lora_r=1", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ('{"lora_r": 1}', "application/json", 200, ""),
    ],
)
def test_bodies_that_cannot_be_read(
    db: None, probes: None, anonymous: Client, body: str, content_type: str, status: int, code: str
) -> None:
    answer = post(anonymous, "/api/probe/thing", body, content_type)
    if status == 200:
        assert answer.json() == {"ok": 1}
    else:
        told(answer, status, code)


def test_a_body_that_is_too_large_is_413(db: None, probes: None, anonymous: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    told(post(anonymous, "/api/probe/thing", json.dumps({"name": "x" * 2000})), 413, "TOO_LARGE")


def test_addresses_and_methods_that_do_not_exist(db: None, people: People, program: Callable[..., Program]) -> None:
    caller = program(people.owner, "read", "write")
    told(caller.call("get", "/api/v1/nowhere"), 404, "NOT_FOUND")
    told(caller.call("get", "/api/v2/"), 404, "NOT_FOUND")
    told(caller.call("get", f"{KEYS}/key_nothing"), 404, "NOT_FOUND")
    refused = caller.call("put", KEYS, {})
    told(refused, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in refused["Allow"]


@pytest.mark.parametrize("path", ["/api/v1/auth/keys/%00", "/api/v1/system/events?q=%00", "/account/?q=%00"])
def test_nul_in_an_address_is_refused_before_a_database_sees_it(
    people: People, as_: Callable[..., Client], path: str
) -> None:
    assert as_(people.owner).get(path).status_code == 400


def test_a_fault_shows_its_number_only_and_is_kept_once_with_its_trace(
    db: None, probes: None, anonymous: Client, people: People, as_: Callable[..., Client]
) -> None:
    error = told(anonymous.get("/api/probe/fault"), 500, "INTERNAL_ERROR")
    assert "secret" not in json.dumps(error)
    assert "Traceback" not in json.dumps(error)
    event = SystemEvent.objects.get()
    assert event.context is not None
    assert event.context["error_id"] == error["details"]["error_id"]
    assert event.severity == "error"
    assert "secret inside" in event.message
    assert "in fault" in (event.stack_trace or "")
    assert told(anonymous.get("/api/probe/fault"), 500, "INTERNAL_ERROR")["details"] == error["details"]
    event.refresh_from_db()
    assert event.context is not None
    assert event.context["count"] == 2
    as_(people.owner).get("/probe/fault/")
    assert SystemEvent.objects.count() == 2, "another way through the code is another fingerprint"


@pytest.mark.django_db(transaction=True)
async def test_a_fault_in_an_asynchronous_endpoint_is_kept_too(probes: None) -> None:
    import asyncio

    answer = await AsyncClient(raise_request_exception=False).get("/api/probe/async-fault")
    error_id = told(answer, 500, "INTERNAL_ERROR")["details"]["error_id"]
    deadline = time.monotonic() + PATIENCE
    while not (found := [event async for event in SystemEvent.objects.all()]) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert (found[0].context or {})["error_id"] == error_id


def test_throttling_says_when_to_come_back(db: None, probes: None, anonymous: Client) -> None:
    answer = anonymous.get("/api/probe/slow")
    details = told(answer, 429, "RATE_LIMITED")["details"]
    assert int(answer["Retry-After"]) == details["retry_after"] > 0


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("refusal", 409, b"It has already started."),
        ("invalid", 422, b"It is empty."),
        ("forbidden", 403, b"Not yours to do"),
        ("large", 413, b"Too large"),
        ("throttled", 429, b"Slow down."),
        ("database", 503, b"The database does not answer"),
        ("fault", 500, b"err_"),
        ("nowhere", 404, b"Nothing here"),
    ],
)
@pytest.mark.parametrize("who", ["owner", "nobody"])
def test_pages_for_people(
    db: None, probes: None, people: People, as_: Callable[..., Client], anonymous: Client,
    name: str, status: int, says: bytes, who: str,
) -> None:  # fmt: skip
    answer = (as_(people.owner) if who == "owner" else anonymous).get(f"/probe/{name}/")
    assert answer.status_code == status
    assert says in answer.content
    assert answer["Content-Type"].startswith("text/html")
    assert b"secret" not in answer.content
    assert b"Traceback" not in answer.content
    assert b"<h1>" in answer.content
    if name == "throttled":
        assert answer["Retry-After"] == "7"


def test_a_fragment_gets_a_422_to_swap_and_other_errors_as_words_for_a_toast(
    db: None, probes: None, people: People, as_: Callable[..., Client]
) -> None:
    browser = as_(people.owner, headers={"hx-request": "true"})
    invalid = browser.get("/probe/invalid/")
    assert invalid.status_code == 422
    assert b"<html" not in invalid.content
    assert b"It is negative." in invalid.content
    told(browser.get("/probe/refusal/"), 409, "CONFLICT")


def test_error_pages_stand_alone_when_the_frame_cannot_be_drawn(
    db: None, probes: None, people: People, as_: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.template.loader import render_to_string as whole

    def broken(template: str, *arguments: Any, **more: Any) -> str:
        if template == "errors/page.html":
            raise OperationalError("the database is away")
        return whole(template, *arguments, **more)

    monkeypatch.setattr("apps.core.views.errors.render_to_string", broken)
    answer = as_(people.owner).get("/probe/refusal/")
    assert answer.status_code == 409
    assert b"It has already started." in answer.content
    assert b"observatory" in answer.content


def test_a_host_we_do_not_have_is_refused(db: None, anonymous: Client) -> None:
    page = anonymous.get("/login/", headers={"host": "evil.example"})
    assert page.status_code == 400
    assert b"evil" not in page.content
    told(anonymous.get("/api/v1/auth/me", headers={"host": "evil.example"}), 400, "BAD_REQUEST")


def test_each_kind_of_failure_has_its_error() -> None:
    class Model(pydantic.BaseModel):
        seconds: float = Field(gt=0)

    with pytest.raises(pydantic.ValidationError) as caught:
        Model(seconds=-1)
    mine = errors.Invalid.from_pydantic(caught.value, within="strategies.synth")
    assert mine.details is not None
    assert mine.details["field"] == "strategies.synth.seconds"
    assert describe(caught.value) is None, "a fault of ours unless a service says whose it is"
    cases: list[tuple[Exception, int]] = [
        (Http404(), 404),
        (PermissionDenied(), 403),
        (SuspiciousOperation(), 400),
        (RequestDataTooBig(), 413),
        (DjangoValidationError({"name": ["too long"]}), 422),
        (errors.Conflict("c"), 409),
    ]
    for exception, status in cases:
        described = describe(exception)
        assert described is not None
        assert described.status == status


class Refused(Exception):
    """What the driver says when the server itself refuses, in difference to a server out of reach."""

    sqlstate = "57014"


def _refused() -> OperationalError:
    error = OperationalError("x")
    error.__cause__ = Refused()
    return error


@pytest.mark.django_db
@pytest.mark.parametrize(("exception", "status"), [(DataError("x"), 422), (_refused(), 503), (KeyError("x"), 500)])
def test_what_the_database_refuses_is_recorded_and_told_without_its_words(exception: Exception, status: int) -> None:
    failure = failure_of(exception, None)
    assert failure.status == status
    assert SystemEvent.objects.count() == 1
    assert "'x'" not in json.dumps(error_body(failure))
