"""Each member, key and address has its allowance of requests a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.core.errors import Throttled
from apps.core.throttle import forgive, give_back, remember, remembers, spend

from .conftest import Clock, People, Program

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


@pytest.mark.parametrize(("seconds", "words"), [(60, "60 s"), (3600, "60 min")])
def test_a_new_minute_or_hour_is_a_new_allowance(minute: Clock, seconds: int, words: str) -> None:
    spend("b", limit=1, message="m", seconds=seconds)
    minute.now += seconds - 1
    with pytest.raises(Throttled) as caught:
        spend("b", limit=1, message="m", seconds=seconds)
    assert caught.value.details == {"retry_after": 1}
    minute.now += 1
    spend("b", limit=1, message="m", seconds=seconds)
    with pytest.raises(Throttled, match=words):
        spend("b", limit=1, message="m", seconds=seconds)


def test_forgiving_starts_over() -> None:
    spend("b", limit=1, message="m")
    forgive("b")
    spend("b", limit=1, message="m")


def test_one_use_can_be_given_back() -> None:
    give_back("b")
    for _ in range(3):
        spend("b", limit=1, message="m")
        give_back("b")
    spend("b", limit=1, message="m")
    with pytest.raises(Throttled):
        spend("b", limit=1, message="m")


def test_while_the_cache_is_away_each_process_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any, **_more: Any) -> None:
        raise ConnectionError("away")

    for name in ("add", "get", "set", "incr", "decr", "delete"):
        monkeypatch.setattr(cache, name, away)
    spend("b", limit=1, message="m")
    with pytest.raises(Throttled):
        spend("b", limit=1, message="m")
    forgive("b")
    spend("b", limit=1, message="m")
    assert not remembers("f")
    remember("f", seconds=60)
    assert remembers("f")


def test_ten_thousand_made_up_names_do_not_push_a_count_out() -> None:
    spend("b", limit=1, message="m")
    for number in range(10_000):
        spend(f"made up {number}", limit=1, message="m")
    with pytest.raises(Throttled):
        spend("b", limit=1, message="m")


def test_strangers_in_one_ipv6_network_share_an_allowance(db: None, three_a_minute: None) -> None:
    statuses = [Client(REMOTE_ADDR=f"2001:db8::{n}").get(ME).status_code for n in range(1, 5)]
    assert statuses == [401, 401, 401, 429]
    assert Client(REMOTE_ADDR="2001:db8:0:1::1").get(ME).status_code == 401


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded", "x-client-ip", "cf-connecting-ip"])
def test_no_header_makes_another_visitor_of_one(anonymous: Client, three_a_minute: None, header: str) -> None:
    statuses = [anonymous.get(ME, headers={header: f"203.0.113.{n}"}).status_code for n in range(4)]
    assert statuses == [401, 401, 401, 429]
