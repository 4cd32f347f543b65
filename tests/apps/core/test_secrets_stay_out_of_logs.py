"""No key, token, password or login link is written to a log or kept with a fault, whoever writes."""

from __future__ import annotations

import io
import logging
import logging.config
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from apps.core.accounts import api_key_create, login_link_create, token_create
from apps.core.models import SystemEvent
from apps.core.redaction import MaskingFormatter, masked

from .conftest import People

KEY = f"tk_{'0a' * 6}_{'1b' * 24}"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Not Found: /login/link/{}/", "Not Found: /login/link/…/"),
        ('127.0.0.1:5 - "GET /login/link/{}/ HTTP/1.1" 200', '127.0.0.1:5 - "GET /login/link/…/ HTTP/1.1" 200'),
        ("/login/link/{}?a=1", "/login/link/…?a=1"),
        ("http://lab/login/link/{}", "http://lab/login/link/…"),
        ('"WebSocket /ws/events/?job=j&token={}&after=1" 403', '"WebSocket /ws/events/?job=j&token=…&after=1" 403'),
        ("?access_token={}", "?access_token=…"),
        ("?API_KEY={}&x=1", "?API_KEY=…&x=1"),
        ("Authorization: Bearer {}", "Authorization: Bearer …"),
        ("{{'authorization': 'bearer {}'}}", "{'authorization': 'bearer …'}"),
        ("subprotocols ['terrarium', 'bearer.{}']", "subprotocols ['terrarium', 'bearer.…']"),
        ('{{"password": "{}", "a": 1}}', '{"password": "…", "a": 1}'),
        ("username=olga&password={}", "username=olga&password=…"),
        ("cookie: sessionid={}; theme=dark", "cookie: sessionid=…; theme=dark"),
        ("postgresql://lab:{}@db:5432/lab", "postgresql://lab:…@db:5432/lab"),
        ("redis://:{}@cache/0", "redis://:…@cache/0"),
    ],
)
def test_a_secret_is_masked_wherever_it_stands(text: str, kept: str) -> None:
    assert masked(text.format("s3cr3t-Value_9")) == kept
    assert masked(masked(text.format("s3cr3t-Value_9"))) == kept


@pytest.mark.parametrize("around", ["{}", "key {} is bad", "/x/{}/y", "?q={}", "'{}'", "({})", "%2F{}"])
def test_keys_are_known_by_their_form(around: str) -> None:
    told = masked(around.format(KEY))
    assert "1b1b" not in told
    assert "tk_0a0a0a0a0a0a_…" in told, "enough to find which key it was"


@pytest.mark.parametrize(
    "harmless",
    [
        'GET /tasks/?q=token&page=2 HTTP/1.1" 200',
        "GET /ws/live/?page=shell&key=run_06gz&after=0-12",
        "tokens: 1200 a second",
        "http://127.0.0.1:8000/experiments/",
        "key_06gz0000 of olga",
        "arc1:007bbfb7 solved",
    ],
)
def test_what_is_no_secret_stays(harmless: str) -> None:
    assert masked(harmless) == harmless


def written(name: str, *arguments: Any, **more: Any) -> str:
    """What a record looks like in the log."""
    target = io.StringIO()
    handler = logging.StreamHandler(target)
    handler.setFormatter(MaskingFormatter("%(levelname)s %(message)s"))
    logger = logging.Logger(name)
    logger.addHandler(handler)
    logger.error(*arguments, **more)
    return target.getvalue()


def test_arguments_and_traces_are_masked_as_well() -> None:
    try:
        raise ValueError(f"unusable: {KEY}")
    except ValueError:
        text = written("x", "%s %s", "/login/link/abc123/", {"token": "abc123"}, exc_info=True)
    assert "abc123" not in text
    assert "1b1b" not in text
    assert "Traceback" in text


def test_nobody_writes_a_line_of_their_own() -> None:
    text = written("x", "Not Found: %s", "/a\r\nERROR all is lost\x1b[31m\x00")
    assert text.count("\n") == 1
    assert text == "ERROR Not Found: /a\\r\\nERROR all is lost\\x1b[31m\\x00\n"


@pytest.mark.parametrize("name", ["uvicorn.access", "uvicorn.error", "django.request", "django.server", "apps.core"])
def test_every_log_of_a_process_is_written_by_the_masking_formatter(name: str) -> None:
    before = {key: (list(logger.handlers), logger.propagate) for key, logger in _loggers().items()}
    try:
        from uvicorn.config import LOGGING_CONFIG

        logging.config.dictConfig(LOGGING_CONFIG)  # the server sets its own up first
        logging.config.dictConfig(django_settings.LOGGING)
        found = _handlers_of(name)
        assert found
        assert all(isinstance(handler.formatter, MaskingFormatter) for handler in found), found
    finally:
        for key, (handlers, propagate) in before.items():
            logger = _loggers()[key]
            logger.handlers[:], logger.propagate = handlers, propagate


def _loggers() -> dict[str, logging.Logger]:
    names = ("", "django", "django.server", "uvicorn", "uvicorn.access", "uvicorn.error")
    return {name: logging.getLogger(name) for name in names}


def _handlers_of(name: str) -> list[logging.Handler]:
    """All that are asked to write what a logger is told; the test runner's own keep what they hear to themselves."""
    found: list[logging.Handler] = []
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        found += [handler for handler in logger.handlers if not type(handler).__module__.startswith("_pytest")]
        logger = logger.parent if logger.propagate else None
    return found


def test_a_fault_is_kept_without_the_secrets_of_its_request(
    db: None, people: People, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = login_link_create(user=people.owner)

    def broken(token: str, **_more: Any) -> None:
        raise RuntimeError(f"cannot read {token} of /login/link/{token}/ with {KEY}")

    monkeypatch.setattr("apps.core.views.sign_in.login_link_peek", broken)
    path = "/" + link.split("/", 3)[3]
    assert Client(raise_request_exception=False).get(path).status_code == 500
    event = SystemEvent.objects.get()
    kept = f"{event.context} {event.stack_trace} {event.message}"
    token = path.rstrip("/").rsplit("/", 1)[1]
    assert f"/login/link/{token}" not in kept
    assert "1b1b" not in kept


def test_nothing_that_opens_a_door_is_ever_part_of_a_row_in_the_clear(people: People) -> None:
    key, text = api_key_create(owner=people.owner, name="k", scopes=["read"])
    token, _ends = token_create(user=people.owner, scopes=frozenset({"read"}), key=key)
    for secret in (text, token):
        assert masked(f"x {secret} y").count(secret) == 0
