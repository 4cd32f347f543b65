"""A curve is read in a bounded number of points: its ends, its peaks and its NaN are always there, and nothing is invented."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.metrics import Curve, Point, blocks, curves, points_upsert, reading, sql
from apps.core.models import Job, MetricBlock, MetricPoint, MetricSeries

pytestmark = pytest.mark.django_db
Values = dict[int, float]


def new_job() -> Job:
    return Job.objects.create(kind="chore", created_at=timezone.now())


def write(job: Job, values: Values, *, key: str = "loss", batch: int = 10_000) -> None:
    rows = list(values.items())
    for start in range(0, len(rows), batch):
        points_upsert(points=[Point(job.pk, key, step, value) for step, value in rows[start : start + batch]])


@pytest.fixture(params=["points", "blocks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of reading: point by point, and from blocks wherever there are any."""
    monkeypatch.setattr("apps.core.metrics.reading.READ_WHOLE", 10**9 if request.param == "points" else -1)
    return str(request.param)


def read(job: Job, **options: Any) -> Curve:
    [curve] = curves([job.pk], **options)
    return curve


def test_a_short_curve_is_read_whole() -> None:
    job = new_job()
    write(job, {step: step / 7 for step in range(100)})
    curve = read(job, max_points=100)
    assert curve.is_whole
    assert (curve.steps, curve.values) == (list(range(100)), [step / 7 for step in range(100)])


def test_a_spike_among_ten_thousand_points_is_never_lost(way: str) -> None:
    job = new_job()
    values = {step: math.sin(step / 500) for step in range(10_000)}
    values |= {3_333: 50.0, 7_777: -40.0}
    write(job, values)
    for most in (10, 50, 500):
        curve = read(job, max_points=most)
        assert not curve.is_whole
        assert {3_333, 7_777, 0, 9_999} <= set(curve.steps)
        assert len(curve.steps) <= most


def test_a_nan_is_visible_apart_from_the_numbers(way: str) -> None:
    job = new_job()
    values = dict.fromkeys(range(5000), 1.0)
    values |= {1_234: float("nan"), 4_000: float("inf"), 4_999: float("-inf")}
    write(job, values)
    curve = read(job, max_points=100)
    assert curve.nonfinite == [(1_234, "nan"), (4_000, "inf"), (4_999, "-inf")]
    assert not {1_234, 4_000, 4_999} & set(curve.steps)
    assert all(math.isfinite(value) for value in curve.values)


def test_a_curve_of_nothing_but_nan_is_read(way: str) -> None:
    job = new_job()
    write(job, {step: float("nan") for step in range(1_000)})
    curve = read(job, max_points=50)
    assert curve.steps == []
    assert curve.nonfinite[0] == (0, "nan")
    assert 1 < len(curve.nonfinite) <= 50


def test_only_what_is_new_is_read_after_a_step() -> None:
    job = new_job()
    write(job, {step: float(step) for step in range(0, 3_000, 3)})
    assert read(job, after_step=2_990).steps == [2_991, 2_994, 2_997]
    assert read(job, after_step=2_997).steps == []
    assert read(job, after_step=2_999).steps == []
    assert read(job, until_step=6).steps == [0, 3, 6]
    assert read(job, after_step=6, until_step=8).steps == []
    assert read(job, after_step=9, until_step=5).steps == []


def test_moments_come_with_the_values_where_asked_for(way: str) -> None:
    job, start = new_job(), datetime(2026, 1, 1, tzinfo=UTC)
    points_upsert(
        points=[Point(job.pk, "loss", step, step % 13, start + timedelta(seconds=step)) for step in range(700)]
    )
    curve = read(job, max_points=60, with_times=True)
    assert curve.ats == [start + timedelta(seconds=step) for step in curve.steps]
    assert read(job, max_points=60).ats == []


def test_many_curves_take_as_many_statements_as_one(way: str) -> None:
    jobs = [new_job() for _ in range(12)]
    for job in jobs:
        write(job, {step: float(step % 17) for step in range(600)})
    counts = []
    for some in (jobs[:1], jobs):
        with CaptureQueriesContext(connection) as asked:
            found = curves([job.pk for job in some], max_points=50)
        counts.append(len(asked))
        assert [curve.job_id for curve in found] == [job.pk for job in some]
    assert counts[0] == counts[1] <= 8


def test_curves_come_in_the_order_asked_and_then_by_name() -> None:
    first, second = new_job(), new_job()
    for job in (first, second):
        for key in ("b", "a", "c"):
            write(job, {0: 1.0}, key=key)
    found = curves([second.pk, first.pk], ["c", "a"])
    assert [(curve.job_id, curve.key) for curve in found] == [
        (second.pk, "a"),
        (second.pk, "c"),
        (first.pk, "a"),
        (first.pk, "c"),
    ]


# --- whatever the curve ---------------------------------------------------------------------------------------------


def shapes(chance: random.Random) -> Iterator[tuple[str, Values]]:
    """Curves as they come: dense, sparse, with gaps, negative, far apart, with values that are none."""

    def value() -> float:
        return chance.choice([float("nan"), float("inf")]) if chance.random() < 0.02 else chance.gauss(0, 1)

    yield "dense", {step: value() for step in range(chance.randint(130, 3_000))}
    stride = chance.randint(2, 1_000)
    yield "sparse", {step * stride: value() for step in range(chance.randint(130, 2_000))}
    yield "with gaps", {step: value() for step in sorted(chance.sample(range(20_000), chance.randint(130, 1_500)))}
    yield "negative", {step: value() for step in range(-700, 700)}
    yield "one far away", {**{step: value() for step in range(500)}, 2**50: 1.0}
    yield "moments", {1_764_000_000_000 + 997 * step: value() for step in range(900)}
    yield "level", dict.fromkeys(range(400), 1.0)


def check(curve: Curve, truth: Values, most: int) -> None:
    finite = {step: value for step, value in truth.items() if math.isfinite(value)}
    odd = {step: value for step, value in truth.items() if not math.isfinite(value)}
    assert len(curve.steps) <= most
    assert curve.steps == sorted(set(curve.steps))
    assert all(finite[step] == value for step, value in zip(curve.steps, curve.values, strict=True))
    assert all(str(odd[step]) == word for step, word in curve.nonfinite)
    assert bool(curve.nonfinite) == bool(odd)
    if finite:
        assert min(curve.values) == min(finite.values())
        assert max(curve.values) == max(finite.values())
    if truth:
        shown = {*curve.steps, *(step for step, _ in curve.nonfinite)}
        assert {min(truth), max(truth)} <= shown
    if curve.is_whole:
        assert curve.steps == sorted(finite)


@pytest.mark.parametrize("seed", range(3))
def test_any_curve_in_any_part_is_read_truly(seed: int, way: str) -> None:
    chance = random.Random(seed)
    for name, values in shapes(chance):
        job = new_job()
        order = list(values.items())
        if name == "with gaps":
            chance.shuffle(order)
        write(job, dict(order), batch=chance.choice([37, 500, 10_000]))
        steps = sorted(values)
        for _ in range(6):
            most = chance.choice([10, 25, 100, 1_000])
            after, until = chance.choice([(None, None), tuple(sorted(chance.sample(steps, 2)))])
            part = {
                step: value
                for step, value in values.items()
                if (after is None or step > after) and (until is None or step <= until)
            }
            check(read(job, max_points=most, after_step=after, until_step=until), part, most)


def blocks_of(series: MetricSeries) -> dict[tuple[int, int], tuple[Any, ...]]:
    rows = MetricBlock.objects.filter(series=series)
    return {
        (row.level, row.block): (row.low, row.low_step, row.high, row.high_step, row.nonfinite_step, row.nonfinite)
        for row in rows
    }


def naive_blocks(series: MetricSeries) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What the blocks should say, from the points alone."""
    assert series.shift is not None
    rows = list(MetricPoint.objects.filter(series=series).order_by("step"))
    found: dict[tuple[int, int], tuple[Any, ...]] = {}
    for level in range(series.levels + 1):
        groups: dict[int, list[MetricPoint]] = {}
        for row in rows:
            groups.setdefault(row.step >> blocks.shift_at(series.shift, level), []).append(row)
        for block, some in groups.items():
            values = [(row.value, row.step) for row in some if row.value is not None]
            odd = next((row for row in some if row.value is None), None)
            low = min(values, default=(None, None))
            high = max(values, key=lambda pair: (pair[0], -pair[1]), default=(None, None))
            found[level, block] = (*low, *high, odd.step if odd else None, odd.nonfinite if odd else "")
    return found


@pytest.mark.parametrize("seed", range(3))
def test_blocks_say_what_the_points_say_after_any_writing_and_rewriting(seed: int) -> None:
    chance = random.Random(seed)
    for _, values in shapes(chance):
        job = new_job()
        write(job, values, batch=chance.choice([60, 333]))
        again = chance.sample(sorted(values), min(len(values), 90))
        write(job, {step: chance.choice([0.0, 9.9, -9.9, float("nan")]) for step in again}, batch=30)
        series = MetricSeries.objects.get(job=job)
        assert blocks_of(series) == naive_blocks(series)


def test_a_curve_of_a_hundred_thousand_points_is_read_from_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: what statements hand over does not grow with the curve, nor do the blocks they look at."""
    handed: list[int] = []
    levels: list[int] = []
    fetch, level = sql.fetch, reading._level

    def counted(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        rows = fetch(statement, parameters)
        handed.append(len(rows))
        return rows

    def noted(one: Any, most: int) -> tuple[int, int]:
        found = level(one, most)
        levels.append(found[0])
        return found

    monkeypatch.setattr(reading, "fetch", counted)
    monkeypatch.setattr(reading, "_level", noted)
    job = new_job()
    write(job, {step: float(step % 101) for step in range(100_000)})
    curve = read(job, max_points=200)
    assert 150 < len(curve.steps) <= 200
    assert sum(handed) < 500
    assert MetricBlock.objects.filter(level=levels[0]).count() <= 400
