"""Each member, key and address has its allowance of requests a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.core.errors import Throttled
from apps.core.throttle import forgive, spend

from .conftest import People, Program

ME = "/api/v1/auth/me"


@pytest.fixture
def three_a_minute(settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 3})


def test_a_key_has_its_own_allowance(people: People, program: Callable[..., Program], three_a_minute: None) -> None:
    one, two = program(people.owner), program(people.owner)
    answers = [one.call("get", ME) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert answers[-1].json()["error"]["code"] == "RATE_LIMITED"
    assert two.call("get", ME).status_code == 200


def test_all_sessions_of_a_member_share_one(people: People, as_: Callable[..., Client], three_a_minute: None) -> None:
    statuses = [as_(people.owner).get(ME).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert as_(people.other).get(ME).status_code == 200


def test_strangers_share_their_addresss_and_take_nothing_from_members(
    people: People, as_: Callable[..., Client], anonymous: Client, three_a_minute: None
) -> None:
    statuses = [anonymous.get(ME).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert Client(REMOTE_ADDR="10.0.0.9").get(ME).status_code == 401
    guesses = [Client(REMOTE_ADDR="10.0.0.8", headers={"authorization": f"Bearer tk_{n}"}).get(ME) for n in range(4)]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]
    assert as_(people.owner).get(ME).status_code == 200


def test_a_new_minute_is_a_new_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 6_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    spend("b", limit=1, message="m")
    with pytest.raises(Throttled) as caught:
        spend("b", limit=1, message="m")
    assert caught.value.details == {"retry_after": 60}
    now += 60
    spend("b", limit=1, message="m")


def test_forgiving_starts_over() -> None:
    spend("b", limit=1, message="m")
    forgive("b")
    spend("b", limit=1, message="m")


def test_without_a_cache_nobody_is_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any, **_more: Any) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(cache, "add", away)
    monkeypatch.setattr(cache, "delete", away)
    for _ in range(5):
        spend("b", limit=1, message="m")
    forgive("b")
