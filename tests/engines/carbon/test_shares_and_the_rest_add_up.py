"""What is shared out and what is idle add up to what the host drew, whatever the intervals look like."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.carbon.engine.attribution import Host, Interval, Profile, Settlement, settle, uniform
from apps.carbon.engine.energy import Component, Kind, Method, Span

GPU0, GPU1, CPU, RAM = (
    Component(Kind.GPU, "0"),
    Component(Kind.GPU, "1"),
    Component(Kind.CPU, ""),
    Component(Kind.RAM, ""),
)
MOMENT = st.floats(0, 100)


def span(component: Component, start: float, end: float, joules: float | None, **more: Any) -> Span:
    reason = "" if joules is not None else "nobody was looking"
    return Span(component, start, end, joules, Method.MEASURED, 0.05, reason, **more)


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Some components, each a row of spans, gaps among them."""
    found = []
    for component in draw(st.sets(st.sampled_from([GPU0, GPU1, CPU, RAM]), min_size=1)):
        edges = sorted(draw(st.sets(st.integers(0, 100), min_size=2, max_size=8)))
        for start, end in pairwise(edges):
            found.append(span(component, start, end, draw(st.none() | st.floats(0, 1e6))))
    return draw(st.permutations(found))


@st.composite
def intervals(draw: st.DrawFn) -> list[Interval]:
    """Overlapping, nested, without length, in any order, some inside of others."""
    found: list[Interval] = []
    for number in range(draw(st.integers(0, 8))):
        start, end = sorted((draw(MOMENT), draw(st.floats(-20, 120))))
        end = draw(st.sampled_from([end, end, start]))
        found.append(
            Interval(
                f"job{number}",
                start,
                end,
                devices=draw(st.frozensets(st.sampled_from(["0", "1"]))),
                cpu=uniform(start, end, draw(st.floats(0, 500))),
                memory_mb=draw(st.floats(0, 5000)),
                tokens=draw(st.floats(0, 1000)),
                parent=draw(st.sampled_from([None, *(f"job{n}" for n in range(number))])),
            )
        )
    return draw(st.permutations(found))


HOSTS = st.builds(
    Host,
    cores=st.integers(1, 8),
    memory_mb=st.floats(1, 8000),
    busy=st.none() | st.just(Profile([(0, 0), (50, 20), (100, 300)])),
    base_watts=st.dictionaries(st.sampled_from([CPU, RAM]), st.floats(0, 300)),
)


def total(of: list[Span]) -> float:
    return math.fsum(one.joules for one in of if one.joules is not None)


@given(spans(), intervals(), HOSTS)
def test_shares_and_the_rest_add_up_to_the_host(drawn: list[Span], work: list[Interval], host: Host) -> None:
    found = settle(drawn, work, host)
    assert found.attributed + found.rest == pytest.approx(total(drawn), rel=1e-9, abs=1e-9)
    for component in {one.component for one in drawn}:
        own = [one for one in drawn if one.component == component]
        shares = math.fsum(share.joules for (_, of), share in found.shares.items() if of == component)
        rest = found.idle[component].joules if component in found.idle else 0.0
        assert shares + rest == pytest.approx(total(own), rel=1e-9, abs=1e-9)


@given(spans(), intervals(), HOSTS)
def test_no_share_is_negative_and_none_is_without_a_method(drawn: list[Span], work: list[Interval], host: Host) -> None:
    found = settle(drawn, work, host)
    for share in [*found.shares.values(), *found.idle.values()]:
        assert share.joules >= 0
        assert share.doubt >= 0
        assert share.methods == {Method.MEASURED}


@given(spans(), intervals(), HOSTS)
def test_who_was_not_there_gets_nothing(drawn: list[Span], work: list[Interval], host: Host) -> None:
    found = settle(drawn, work, host)
    for one in work:
        there = [s for s in drawn if s.joules is not None and s.start < one.end and one.start < s.end]
        got = math.fsum(share.joules for share in found.of(one.key).values())
        assert got <= total(there) * (1 + 1e-9)
        if one.start == one.end:
            assert got == 0


@given(spans(), intervals(), HOSTS)
def test_the_order_in_which_things_are_told_changes_nothing(
    drawn: list[Span], work: list[Interval], host: Host
) -> None:
    one, other = settle(drawn, work, host), settle(drawn[::-1], work[::-1], host)
    for key, share in one.shares.items():
        assert other.shares[key].joules == pytest.approx(share.joules, rel=1e-9, abs=1e-9)


HOST = Host(cores=2, memory_mb=1000, busy=Profile([(0, 0), (10, 10)]))


def joules(found: Settlement, key: str) -> float:
    return math.fsum(share.joules for share in found.of(key).values())


def test_a_device_is_its_users_wholly_and_idle_without_one() -> None:
    found = settle([span(GPU0, 0, 10, 1000)], [Interval("train", 2, 7, devices=frozenset({"0"}))], HOST)
    assert joules(found, "train") == pytest.approx(500)
    assert found.idle[GPU0].joules == pytest.approx(500)
    assert found.of("train")[GPU0].uncertainty == pytest.approx(0.05), "one user: sharing adds no doubt"


def test_a_processor_is_shared_by_seconds_of_everything_that_ran() -> None:
    work = [Interval("a", 0, 10, cpu=uniform(0, 10, 6)), Interval("b", 0, 10, cpu=uniform(0, 10, 1))]
    found = settle([span(CPU, 0, 10, 100)], work, HOST)
    assert [joules(found, "a"), joules(found, "b")] == pytest.approx([60, 10], abs=1e-9)
    assert found.rest == pytest.approx(30), "what other programs of the host did"


def test_what_a_processor_draws_at_rest_is_nobodys() -> None:
    host = Host(cores=2, memory_mb=1000, busy=Profile([(0, 0), (10, 10)]), base_watts={CPU: 4.0})
    found = settle([span(CPU, 0, 10, 100)], [Interval("a", 0, 10, cpu=uniform(0, 10, 10))], host)
    assert [joules(found, "a"), found.rest] == pytest.approx([60, 40], abs=1e-9)


def test_more_seconds_than_the_host_says_it_had_share_what_there_is() -> None:
    work = [Interval("a", 0, 10, cpu=uniform(0, 10, 15)), Interval("b", 0, 10, cpu=uniform(0, 10, 5))]
    found = settle([span(CPU, 0, 10, 100)], work, HOST)
    assert [joules(found, "a"), found.rest] == pytest.approx([75, 0], abs=1e-9)


def test_requests_share_what_their_server_drew_by_tokens() -> None:
    server = Interval("server", 0, 10, devices=frozenset({"0"}))
    asked = [Interval("long", 0, 5, tokens=300, parent="server"), Interval("short", 0, 5, tokens=100, parent="server")]
    found = settle([span(GPU0, 0, 10, 800)], [server, *asked], HOST)
    assert [joules(found, "long"), joules(found, "short")] == pytest.approx([300, 100], abs=1e-9)
    assert joules(found, "server") == pytest.approx(400), "while it waited for requests"
    assert found.rest == pytest.approx(0, abs=1e-9)


def test_memory_is_shared_by_what_is_held() -> None:
    found = settle([span(RAM, 0, 10, 100)], [Interval("a", 0, 10, memory_mb=250)], HOST)
    assert [joules(found, "a"), found.rest] == pytest.approx([25, 75], abs=1e-9)


def test_a_gap_is_unknown_to_whoever_ran_in_it_and_never_zero() -> None:
    found = settle([span(CPU, 0, 4, None), span(CPU, 4, 10, 60)], [Interval("a", 1, 10)], HOST)
    assert found.unknown_seconds == {"a": 3}
    assert found.rest == 60


@pytest.mark.parametrize(("start", "end"), [(5, 4), (math.nan, 1), (0, math.inf)])
def test_an_interval_that_ends_before_it_starts_is_refused(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="late: an interval ends when it started or later"):
        Interval("late", start, end)


def test_parents_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="in a circle"):
        settle([], [Interval("a", 0, 1, parent="b"), Interval("b", 0, 1, parent="a")], HOST)
    with pytest.raises(ValueError, match="two intervals of that name"):
        settle([], [Interval("a", 0, 1), Interval("a", 0, 1)], HOST)
