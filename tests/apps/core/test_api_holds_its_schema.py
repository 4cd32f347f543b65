"""Whatever a program sends, the API answers as its OpenAPI document says, and never with a fault of its own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.core.accounts import api_key_create
from config.api import api

from .conftest import People
from .furnished import furnish

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS = "/api/v1/events/stream"  # answers for as long as one listens; the tests of live delivery listen
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "5"))
ROLE = os.environ.get("SCHEMA_ROLE", "admin")
"""`admin` or `owner`: whose key is sent. The long form runs with both."""

PICKY = {"GET /api/v1/tasks/leaks", "GET /api/v1/carbon/forecast"}
"""Ask for the names of two splits, or of a kind of job, which no generator guesses."""

schema = schemathesis.openapi.from_dict(api.get_openapi_schema(path_prefix="/api/v1/"))
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (found.ok() for found in schema.get_all_operations())  # type: ignore[union-attr]
    if operation.path != ENDLESS
}


SOUND = [(name, GenerationMode.POSITIVE) for name in OPERATIONS]
UNSOUND = [
    (name, GenerationMode.NEGATIVE)
    for name, operation in OPERATIONS.items()
    if operation.body or operation.query or operation.path_parameters
]


@pytest.fixture
def one_connection() -> Iterator[None]:
    """The server's habit of closing connections between requests would end the test's transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def lab(people: People, settings: Any, one_connection: None) -> dict[str, str]:
    """One of everything, and a key that is not slowed down: an admin's, or a researcher's who owns what there is."""
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    owner = getattr(people, ROLE)
    scopes = ["read", "write", "admin"] if owner == people.admin else ["read", "write"]
    mine, text = api_key_create(owner=owner, name="schema", scopes=scopes)
    return {**furnish(people), "key_id": mine.pk, "key": text}


@pytest.mark.parametrize(("name", "mode"), [*SOUND, *UNSOUND], ids=lambda value: getattr(value, "value", value))
def test_any_request_is_answered_as_the_document_says(lab: dict[str, str], name: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[name]
    operation.app = get_wsgi_application()
    answered: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:  # name things that are there; the unsound ones name others
            case.path_parameters.update({name: lab[name] for name in case.path_parameters if name in lab})
        headers = {"Authorization": f"Bearer {lab['key']}", "Accept-Encoding": "identity"}
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        answered[answer.status_code] += 1

    holds()
    if name.startswith("GET") and name not in PICKY and mode is GenerationMode.POSITIVE:
        theirs = answered[200] or (ROLE != "admin" and answered[403])
        assert theirs, f"no request was good enough to be answered: {dict(answered)}"
