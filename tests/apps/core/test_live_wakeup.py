"""Waking readers after a commit: through Redis where there is one, and never at the writer's cost."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.conf import settings as configured

from apps.core.live import wake, wakeup
from tests.patience import PATIENCE

NOBODY = "redis://127.0.0.1:1/0"


def configure(monkeypatch: pytest.MonkeyPatch, settings: Any, url: str | None) -> None:
    settings.CONFIG = SimpleNamespace(redis_url=url)
    monkeypatch.setattr(wakeup, "_publisher", None)


def test_a_commit_wakes_the_readers_of_its_own_process(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    configure(monkeypatch, settings, None)
    heard = threading.Event()
    wakeup.listen(heard.set)
    try:
        wake(["t"])
        assert heard.is_set()
    finally:
        wakeup.unlisten(heard.set)


def test_nothing_is_woken_for_no_topic(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    configure(monkeypatch, settings, None)
    heard = threading.Event()
    wakeup.listen(heard.set)
    try:
        wake([])
        assert not heard.is_set()
    finally:
        wakeup.unlisten(heard.set)


def test_a_redis_that_does_not_answer_costs_a_writer_nothing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    answers = threading.Event()
    stuck = SimpleNamespace(publish=lambda *_: answers.wait(PATIENCE))
    monkeypatch.setattr(redis.Redis, "from_url", lambda *_, **__: stuck)
    configure(monkeypatch, settings, NOBODY)
    try:
        for _ in range(200):
            wake(["t"])
        assert not answers.is_set(), "nothing was answered, and here we are"
    finally:
        answers.set()
        wakeup.publisher().flush(PATIENCE)


def test_a_listener_without_redis_says_so_and_stops(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    configure(monkeypatch, settings, NOBODY)
    heard = threading.Event()
    listener = wakeup.Listener(NOBODY, heard.set)
    try:
        assert heard.wait(PATIENCE)
        assert not listener.connected
    finally:
        listener.stop()


@pytest.mark.skipif(not configured.CONFIG.redis_url, reason="no Redis is configured")
def test_redis_carries_a_wake_up_between_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    url = configured.CONFIG.redis_url
    assert url
    monkeypatch.setattr(wakeup, "_publisher", None)
    heard = threading.Event()
    listener = wakeup.Listener(url, heard.set)
    try:
        assert heard.wait(PATIENCE)  # once when it is connected
        assert listener.connected
        heard.clear()
        wakeup.publisher().ring()
        assert heard.wait(PATIENCE)
        wakeup.publisher().flush()
    finally:
        listener.stop()
