"""Carbon intensity: codes are validated, curves are read whole or not at all, and the cleanest window is the cleanest."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.carbon.engine.curves import HOUR, BadCurve, Curve, cleanest, read_csv
from apps.carbon.engine.emissions import EQUIVALENTS, Energy, embodied_grams
from apps.carbon.engine.places import WORLD, Atlas, UnknownPlace, read_atlas


@pytest.fixture
def places(tmp_path: Path) -> Atlas:
    (tmp_path / "2023").mkdir()
    mix = {
        "FRA": {"country_name": "France", "carbon_intensity": 56.0, "year": 2023},
        "DEU": {"country_name": "Germany", "carbon_intensity": 370.0, "year": 2023},
        "FIN": {"country_name": "Finland", "carbon_intensity": 79.0, "year": 2023},
        "XXX": {"country_name": "Nowhere", "carbon_intensity": None},
        "YYY": {"country_name": "Elsewhere", "carbon_intensity": math.nan},
    }
    usa = {"_unit": {}, "california": {"emissions": 430.0, "regionCode": "CA"}}
    nordic = {"data": {"SE3": {"emission_factor": 27.0, "description": "Zone 3", "year": 2025}}}
    (tmp_path / "global_energy_mix.json").write_text(json.dumps(mix))
    (tmp_path / "2023/usa_emissions.json").write_text(json.dumps(usa))
    (tmp_path / "nordic_emissions.json").write_text(json.dumps(nordic))
    return read_atlas(tmp_path)


def test_a_country_and_a_region_are_found_by_code_in_any_case(places: Atlas) -> None:
    assert places.find(" fra ").grams_per_kwh == 56.0
    assert places.find("USA-CA").grams_per_kwh == pytest.approx(430 * 0.45359237)
    assert places.find("SWE-SE3").name == "Zone 3"
    assert places.find(WORLD).grams_per_kwh == 475.0


@pytest.mark.parametrize(
    ("said", "meant"), [("FR", "FRA"), ("france", "FRA"), ("GERMANY", "DEU"), ("USA-CQ", "USA-CA")]
)
def test_an_unknown_code_is_refused_with_the_near_ones(places: Atlas, said: str, meant: str) -> None:
    with pytest.raises(UnknownPlace, match=f"Did you mean {meant}") as refused:
        places.find(said)
    assert refused.value.near[0].code == meant


def test_a_code_like_no_other_is_refused_with_a_remedy(places: Atlas) -> None:
    with pytest.raises(UnknownPlace, match="Use a code of three letters such as FRA, or WORLD"):
        places.find("12345")


def test_a_place_without_a_figure_is_unknown_and_has_no_default(places: Atlas) -> None:
    for code in ("XXX", "YYY"):
        with pytest.raises(UnknownPlace):
            places.find(code)


def test_files_that_are_missing_or_garbled_leave_the_world(tmp_path: Path) -> None:
    (tmp_path / "global_energy_mix.json").write_text("{")
    assert [place.code for place in read_atlas(tmp_path).places()] == [WORLD]


# --- curves ---------------------------------------------------------------------------------------------------------

HEADER = "timestamp,grams_per_kwh\n"


def day(*values: object) -> str:
    return HEADER + "".join(f"2026-03-01T{hour:02}:00:00Z,{value}\n" for hour, value in enumerate(values))


def test_a_curve_is_read_hour_by_hour() -> None:
    curve = read_csv(day(100, 50.5, 300))
    assert curve.grams == (100.0, 50.5, 300.0)
    assert (curve.at(curve.start + 1.5 * HOUR), curve.at(curve.end), curve.at(curve.start - 1)) == (50.5, None, None)
    assert curve.mean(curve.start + HOUR / 2, curve.start + HOUR * 1.5) == pytest.approx(75.25)
    assert curve.mean(curve.start, curve.end + 1) is None, "beyond its end nothing is known"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "no column of times"),
        ("timestamp,value\n", 1, "no column of values with their unit"),
        (HEADER, 2, "no hours below the header"),
        (day(100, -5), 3, "less than nothing"),
        (day(100, "nan"), 3, "no amount"),
        (day(100, "inf"), 3, "no amount"),
        (day(100, "much"), 3, "no number"),
        (day(100, ""), 3, "value is missing"),
        (day(100, 120_000), 3, "check the unit"),
        (day(0.1, 0.3), 2, "look like kilograms"),
        (day(100) + "2026-03-01T03:00:00Z,90\n", 3, "2 hours are missing before 2026-03-01 03:00 UTC"),
        (day(100) + "2026-03-01T00:00:00Z,90\n", 3, "there twice or out of order"),
        (day(100) + "2026-03-01T01:30:00Z,90\n", 3, "is within an hour"),
        (day(100) + "tomorrow,90\n", 3, "is no time"),
        (day(100) + "2026-03-01T01:00:00Z,90,7\n", 3, "3 columns, the header has 2"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(BadCurve) as refused:
        read_csv(text)
    assert refused.value.faults[0][0] == line
    assert reason in refused.value.faults[0][1]


def test_all_faults_are_told_at_once_and_nothing_is_kept() -> None:
    with pytest.raises(BadCurve) as refused:
        read_csv(day(100, -1, "x", 100, "nan"))
    assert [line for line, _ in refused.value.faults] == [3, 4, 6]


@given(st.text(max_size=200))
def test_whatever_is_uploaded_is_read_or_refused(text: str) -> None:
    for content in (text, HEADER + text):
        with suppress(BadCurve):
            assert read_csv(content).grams


CURVES = st.builds(Curve, start=st.just(7200.0), grams=st.lists(st.floats(0, 900), min_size=1, max_size=30).map(tuple))


@given(CURVES, st.floats(0, 3 * HOUR), st.floats(60, 10 * HOUR), st.floats(0, 30 * HOUR), st.floats(0, 1))
def test_no_other_start_is_cleaner(curve: Curve, after: float, seconds: float, slack: float, other: float) -> None:
    now = curve.start + after
    deadline = now + seconds + slack
    window = cleanest(curve, now=now, deadline=deadline, seconds=seconds)
    if window is None:
        assert now + seconds > curve.end, "only a curve that ends too soon has none"
        return
    assert now <= window.start
    assert window.end <= deadline + 1e-6
    assert window.grams_avoided(1.0) >= 0
    begin = now + other * max(0.0, min(deadline, curve.end) - seconds - now)
    mean = curve.mean(begin, begin + seconds)
    assert mean is None or window.grams_per_kwh <= mean + 1e-3


def test_the_cleanest_hour_before_the_deadline_is_waited_for() -> None:
    curve = Curve(0.0, (400, 300, 100, 50, 20))
    window = cleanest(curve, now=0.0, deadline=4 * HOUR, seconds=HOUR)
    assert window is not None
    assert (window.start, window.grams_per_kwh, window.grams_avoided(2.0)) == (3 * HOUR, 50, 700)
    assert cleanest(curve, now=0.0, deadline=HOUR / 2, seconds=HOUR) is None, "the deadline is too near"


def test_where_waiting_gains_nothing_it_starts_at_once() -> None:
    window = cleanest(Curve(0.0, (100,) * 24), now=600.0, deadline=20 * HOUR, seconds=HOUR)
    assert window is not None
    assert (window.start, window.grams_avoided(1.0)) == (600.0, 0.0)


# --- grams ----------------------------------------------------------------------------------------------------------


def test_the_overhead_of_the_building_counts_once() -> None:
    assert Energy(3.6e6, pue=1.5).grams(100) == pytest.approx(150)
    assert Energy.of_site(3.6e6, pue=1.5).grams(100) == pytest.approx(100), "it was in already"


@pytest.mark.parametrize(("joules", "pue"), [(-1, 1), (math.nan, 1), (1, 0.9), (1, 7), (1, math.nan)])
def test_energy_and_overhead_that_cannot_be_are_refused(joules: float, pue: float) -> None:
    with pytest.raises(ValueError):
        Energy(joules, pue)


def test_what_making_the_hardware_emitted_is_shared_by_time() -> None:
    assert embodied_grams(kilograms=1000, lifetime_hours=10_000, hours=10, share=0.5) == pytest.approx(500)


def test_every_equivalent_says_who_says_so() -> None:
    assert all(one.source and one.amount(1000) > 0 for one in EQUIVALENTS)
