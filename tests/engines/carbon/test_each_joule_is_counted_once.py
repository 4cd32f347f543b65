"""Counters are read now and then: each joule is counted once, whatever restarts, wraps, steps or sets a clock."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.carbon.engine.counters import Counter, Grid, Meter, Reading, restored, stored
from apps.carbon.engine.energy import Component, Kind, Method, Span
from apps.carbon.engine.readers.rapl import Rapl

CPU = Component(Kind.CPU, "package-0")
WRAP = 65_536.0


def reading(at: float, joules: float | None, *, steady: float | None = None, **more: Any) -> Reading:
    more.setdefault("wraps_at", WRAP)
    return Reading(CPU, at, at if steady is None else steady, joules, Method.MEASURED, **more)


def take(readings: Sequence[Reading], counter: Counter | None = None) -> list[Span]:
    counter = counter or Counter(CPU, boot="one")
    return [span for one in readings for span in counter.take(one)]


def known(spans: Sequence[Span]) -> float:
    return math.fsum(span.joules for span in spans if span.joules is not None)


def assert_in_order(spans: Sequence[Span]) -> None:
    for before, after in pairwise(spans):
        assert before.end <= after.start + 1e-6


STEPS = st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 150)), min_size=1, max_size=30)
"""Seconds until the next look, and watts drawn meanwhile."""


@given(STEPS, st.floats(0, WRAP))
def test_what_is_counted_is_what_was_drawn_over_any_number_of_turns(
    steps: list[tuple[float, float]], begin: float
) -> None:
    at, drawn, readings = 0.0, 0.0, [reading(0.0, begin)]
    for seconds, watts in steps:
        at, drawn = at + seconds, drawn + seconds * watts
        readings.append(reading(at, (begin + drawn) % WRAP))
    spans = take(readings)
    assert known(spans) == pytest.approx(drawn, rel=1e-9, abs=1e-6)
    assert (spans[0].start, spans[-1].end) == (0.0, at)
    assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]], "nothing between is left out"


@given(STEPS, st.sets(st.integers(1, 30)), st.booleans())
def test_a_reader_that_starts_anew_counts_nothing_twice(
    steps: list[tuple[float, float]], restarts: set[int], lasts: bool
) -> None:
    at, drawn, lost = 0.0, 0.0, 0.0
    counter, spans = Counter(CPU, boot="one"), take([reading(0.0, 0.0, lasts=lasts)])
    counter.take(reading(0.0, 0.0, lasts=lasts))
    for number, (seconds, watts) in enumerate(steps, 1):
        at, drawn = at + seconds, drawn + seconds * watts
        if number in restarts:
            kept = None if counter.mark is None else json.loads(json.dumps(stored(counter.mark)))
            counter = Counter(CPU, boot="one", mark=restored(kept))
            lost += 0.0 if lasts else seconds * watts
        spans += counter.take(reading(at, drawn % WRAP, lasts=lasts))
    assert known(spans) == pytest.approx(drawn - lost, rel=1e-9, abs=1e-6)
    assert math.fsum(span.seconds for span in spans) == pytest.approx(at), "the time that was lost is there, as a gap"


@given(STEPS, st.lists(st.floats(-4000, 4000), min_size=30, max_size=30))
def test_a_clock_that_is_set_loses_no_joule_and_books_no_time_twice(
    steps: list[tuple[float, float]], jumps: list[float]
) -> None:
    at, steady, drawn, readings = 100_000.0, 0.0, 0.0, [reading(100_000.0, 0.0, steady=0.0)]
    for (seconds, watts), jump in zip(steps, jumps, strict=False):
        at, steady, drawn = at + seconds + jump, steady + seconds, drawn + seconds * watts
        readings.append(reading(at, drawn % WRAP, steady=steady))
    spans = take(readings)
    assert known(spans) == pytest.approx(drawn, rel=1e-9, abs=1e-6)
    assert_in_order(spans)


def test_a_clock_that_is_set_is_told() -> None:
    spans = take([reading(0, 0), reading(10, 100), reading(5000, 200, steady=20), reading(100, 300, steady=30)])
    assert [span.reason for span in spans] == ["", "the clock was set", "the clock was set"]
    assert [(span.start, span.end) for span in spans] == [(0, 10), (10, 5000), (5000, 5010)]


def test_a_clock_that_was_a_year_ahead_is_not_waited_for() -> None:
    ahead = 365 * 86_400.0
    spans = take([reading(ahead, 0, steady=0), reading(10, 50, steady=10), reading(20, 150, steady=20)])
    assert [(span.start, span.end, span.joules) for span in spans] == [(10, 20, 100)]


def test_a_reading_that_fails_is_made_up_for_by_the_next() -> None:
    spans = take([reading(0, 0), reading(10, None, fault="no permission"), reading(20, 300)])
    assert [(span.start, span.end, span.joules, span.reason) for span in spans] == [(0, 20, 300, "no permission")]


@pytest.mark.parametrize("joules", [math.nan, math.inf, -1.0])
def test_a_reading_that_is_no_number_is_a_failed_one(joules: float) -> None:
    assert take([reading(0, 0), reading(10, joules)]) == []
    assert known(take([reading(0, 0), reading(10, joules), reading(20, 40)])) == 40


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        ([reading(0, 500, wraps_at=None), reading(10, 20, wraps_at=None)], "the counter stepped back"),
        ([reading(0, 0), reading(1, 60_000)], "the counter stepped by more than can be drawn"),
        ([reading(0, 0), reading(3600, 100)], "the counter may have wrapped unseen"),
    ],
)
def test_a_counter_that_cannot_be_believed_leaves_a_gap_and_no_zero(readings: list[Reading], reason: str) -> None:
    (span,) = take(readings)
    assert (span.joules, span.reason) == (None, reason)


def test_after_a_new_start_of_the_machine_the_time_between_is_unknown() -> None:
    counter = Counter(CPU, boot="one")
    take([reading(0, 1000), reading(10, 1100)], counter)
    (gap, after) = take(
        [reading(50, 5, steady=3), reading(60, 25, steady=13)], Counter(CPU, boot="two", mark=counter.mark)
    )
    assert (gap.start, gap.end, gap.joules, gap.reason) == (10, 50, None, "the machine was started anew")
    assert (after.start, after.end, after.joules) == (50, 60, 20)


def test_a_mark_that_cannot_be_read_begins_afresh() -> None:
    assert restored({"boot": "one", "at": "yesterday"}) is None
    assert restored({}) is None


@given(
    st.lists(st.tuples(st.floats(0.01, 70), st.floats(0, 1000) | st.none()), min_size=1, max_size=20),
    st.floats(0.5, 20),
)
def test_the_grid_keeps_every_joule_and_every_gap(pieces: list[tuple[float, float | None]], seconds: float) -> None:
    grid, at, spans = Grid(seconds), 3.0, []
    for length, joules in pieces:
        why = "" if joules is not None else "nobody was looking"
        spans.append(Span(CPU, at, at + length, joules, Method.MEASURED, 0.05, why))
        at = spans[-1].end
    done = [*grid.add(spans), *grid.close()]
    assert known(done) == pytest.approx(known(spans), rel=1e-9)
    assert_in_order(done)
    assert math.fsum(one.seconds for one in done) == pytest.approx(at - 3.0)
    assert [one for one in done if one.joules is None] == [one for one in spans if one.joules is None]


def test_a_cell_of_the_grid_is_one_row() -> None:
    spans = [Span(CPU, at, at + 1, 2.0, Method.MEASURED, 0.05) for at in range(12)]
    done = Grid(5).add(spans)
    assert [(one.start, one.end, one.joules) for one in done] == [(0, 5, 10), (5, 10, 10)]


def test_powers_add_up_to_joules() -> None:
    sensor, load = Meter(), Meter(mean=True)
    assert [sensor.take(0, 10), sensor.take(2, 20), sensor.take(2, 90)] == [0, 30, 30]
    assert [load.take(0, 10), load.take(2, 20)] == [0, 40]
    with pytest.raises(ValueError, match="no power in watts"):
        sensor.take(3, math.nan)


# --- the files of the kernel --------------------------------------------------------------------------------------


def domain(root: Path, folder: str, name: str, micro: int | None) -> None:
    (root / folder).mkdir(parents=True)
    (root / folder / "name").write_text(f"{name}\n")
    if micro is not None:
        (root / folder / "energy_uj").write_text(f"{micro}\n")
    (root / folder / "max_energy_range_uj").write_text("262143328850\n")


def test_sockets_and_their_memory_are_read_and_no_part_twice(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0", 50_000_000_000)
    domain(tmp_path, "intel-rapl:0:0", "core", 20_000_000_000)
    domain(tmp_path, "intel-rapl:0:1", "dram", 7_000_000)
    domain(tmp_path, "intel-rapl:1", "package-1", 90_000_000_000)
    domain(tmp_path, "intel-rapl:2", "psys", 99_000_000_000)
    domain(tmp_path, "intel-rapl-mmio:0", "package-0", 50_000_000_000)
    found = Rapl(tmp_path).read(5.0, 6.0)
    assert [(str(one.component), one.joules) for one in found] == [
        ("cpu:package-0", 50_000.0),
        ("ram:dram-0", 7.0),
        ("cpu:package-1", 90_000.0),
    ]
    assert found[0].wraps_at == pytest.approx(262_143.32885)


def test_dies_that_show_one_counter_are_one_socket(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0-die-0", 50_000_000_000)
    domain(tmp_path, "intel-rapl:1", "package-0-die-1", 50_000_200_000)
    assert len(Rapl(tmp_path).components) == 1


def test_a_counter_that_becomes_unreadable_says_so(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    reader = Rapl(tmp_path)
    (tmp_path / "intel-rapl:0/energy_uj").unlink()
    (one,) = reader.read(0, 0)
    assert one.joules is None
    assert one.fault.endswith("energy_uj could not be read")


def test_a_machine_without_such_counters_has_none(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0", None)
    assert Rapl(tmp_path).components == ()
