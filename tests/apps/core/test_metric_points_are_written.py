"""Points are written in batches, one a step, with the latest value beside the job; what is no number is kept as that."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.errors import Invalid
from apps.core.jobs import kinds, sweep
from apps.core.jobs.hooks import tell_reports
from apps.core.jobs.reports import Metrics, hear
from apps.core.metrics import MAX_KEYS_A_JOB, Point, curves, latest, metrics_forget, points_upsert, series_of
from apps.core.models import (
    Job,
    JobEvent,
    JobStatus,
    MetricBlock,
    MetricPoint,
    MetricSeries,
    SystemEvent,
)

NAN, INF = float("nan"), float("inf")


def new_job(**more: Any) -> Job:
    return Job.objects.create(kind="chore", created_at=timezone.now(), **more)


@pytest.fixture
def job(db: None) -> Job:
    return new_job()


def points(job: Job, key: str = "loss") -> dict[int, float | str | None]:
    rows = MetricPoint.objects.filter(series__job=job, series__key=key).order_by("step")
    return {row.step: row.nonfinite or row.value for row in rows}


def test_points_are_written_and_the_latest_stands_beside_the_job(job: Job) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    written = points_upsert(points=[Point(job.pk, "loss", step, 1 / (step + 1), at) for step in range(5)])
    assert written == 5
    assert points(job) == {0: 1.0, 1: 0.5, 2: 1 / 3, 3: 0.25, 4: 0.2}
    series = latest([job.pk])[job.pk]["loss"]
    assert (series.first_step, series.last_step, series.last_value, series.last_at) == (0, 4, 0.2, at)
    assert set(MetricPoint.objects.values_list("at", flat=True)) == {at}


def test_a_point_that_is_there_is_replaced_and_the_last_word_counts(job: Job) -> None:
    points_upsert(points=[Point(job.pk, "loss", 1, 0.5), Point(job.pk, "loss", 2, 0.4)])
    points_upsert(points=[Point(job.pk, "loss", 2, 0.9), Point(job.pk, "loss", 2, 0.3)])
    assert points(job) == {1: 0.5, 2: 0.3}
    assert latest([job.pk])[job.pk]["loss"].last_value == 0.3


def test_an_earlier_step_that_comes_late_is_kept_and_is_not_the_latest(job: Job) -> None:
    points_upsert(points=[Point(job.pk, "loss", 10, 0.1)])
    points_upsert(points=[Point(job.pk, "loss", -3, 0.7)])
    series = series_of([job.pk]).get()
    assert (series.first_step, series.last_step, series.last_value) == (-3, 10, 0.1)
    assert points(job) == {-3: 0.7, 10: 0.1}


@pytest.mark.parametrize(("value", "word"), [(NAN, "nan"), (INF, "inf"), (-INF, "-inf")])
def test_what_is_no_number_is_kept_and_shown_as_what_it_is(job: Job, value: float, word: str) -> None:
    points_upsert(points=[Point(job.pk, "loss", 1, 0.5), Point(job.pk, "loss", 2, value)])
    assert points(job) == {1: 0.5, 2: word}
    series = series_of([job.pk]).get()
    assert (series.last_value, series.last_nonfinite) == (None, word)
    points_upsert(points=[Point(job.pk, "loss", 2, 0.4)])
    assert points(job) == {1: 0.5, 2: 0.4}


@pytest.mark.parametrize(
    ("key", "step", "field"),
    [
        ("", 1, "key"),
        ("k" * 251, 1, "key"),
        ("two\nlines", 1, "key"),
        ("nul\x00", 1, "key"),
        ("loss", 2**53, "step"),
        ("loss", -(2**53), "step"),
        ("loss", 1.5, "step"),
        ("loss", True, "step"),
    ],
)
def test_a_name_or_a_step_that_cannot_be_is_refused_with_the_whole_batch(
    job: Job, key: str, step: Any, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        points_upsert(points=[Point(job.pk, "fine", 1, 1.0), Point(job.pk, key, step, 1.0)])
    assert refused.value.field == field
    assert not MetricSeries.objects.exists()


def test_the_largest_and_oddest_that_can_be_is_kept(job: Job) -> None:
    key = "κ" * 250
    points_upsert(points=[Point(job.pk, key, step, 1.7976931348623157e308) for step in (-(2**53) + 1, 2**53 - 1)])
    assert list(points(job, key)) == [-(2**53) + 1, 2**53 - 1]


def test_a_job_has_a_bounded_number_of_names(job: Job) -> None:
    points_upsert(points=[Point(job.pk, f"m{number}", 1, 1.0) for number in range(MAX_KEYS_A_JOB)])
    with pytest.raises(Invalid, match=f"more than {MAX_KEYS_A_JOB:,}"):
        points_upsert(points=[Point(job.pk, "m0", 2, 1.0), Point(job.pk, "one more", 2, 1.0)])
    assert series_of([job.pk]).count() == MAX_KEYS_A_JOB
    assert points(job, "m0") == {1: 1.0}, "the whole batch was taken back"
    assert points_upsert(points=[Point(job.pk, "m0", 2, 1.0)]) == 1


@pytest.mark.parametrize("size", [1, 1000])
def test_a_batch_of_any_size_takes_two_statements(job: Job, size: int) -> None:
    for key in ("a", "b"):
        points_upsert(points=[Point(job.pk, key, 0, 1.0)])
    batch = [Point(job.pk, key, step, 1.0) for key in ("a", "b") for step in range(1, 1 + max(1, size // 20))]
    with CaptureQueriesContext(connection) as asked:
        points_upsert(points=batch)
    assert [query["sql"].split()[2] for query in asked if "INSERT" in query["sql"]] == [
        "core_metricseries",
        "core_metricpoint",
    ]
    assert len([query for query in asked if "SAVEPOINT" not in query["sql"]]) == 2


def test_long_curves_take_a_bounded_number_of_statements_more(job: Job) -> None:
    keys = [f"m{number}" for number in range(10)]
    points_upsert(points=[Point(job.pk, key, step, 1.0) for key in keys for step in range(2000)])
    with CaptureQueriesContext(connection) as asked:
        points_upsert(points=[Point(job.pk, key, step, 1.0) for key in keys for step in range(2000, 2050)])
    assert len([query for query in asked if "SAVEPOINT" not in query["sql"]]) <= 8


def test_points_go_with_the_transaction(job: Job) -> None:
    with transaction.atomic():
        points_upsert(points=[Point(job.pk, "loss", 1, 1.0)])
        transaction.set_rollback(True)
    assert not MetricSeries.objects.exists()
    assert not MetricPoint.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"value": None}, {"nonfinite": "nan"}, {"nonfinite": "odd", "value": None}, {"value": INF}]
)
def test_the_database_refuses_a_value_that_is_neither_a_number_nor_told(job: Job, wrong: dict[str, Any]) -> None:
    points_upsert(points=[Point(job.pk, "loss", 1, 1.0)])
    with pytest.raises(IntegrityError), transaction.atomic():
        MetricPoint.objects.update(**wrong)


def test_what_a_job_reports_as_metrics_becomes_points_and_no_events(job: Job) -> None:
    said = [
        hear("metrics", {"step": 7, "train_loss": 0.5, "learning_rate": 1e-4, "eval_loss": None}),
        hear("metrics", {"step": 8, "metrics": {"train_loss": "nan"}}),
    ]
    with transaction.atomic():
        tell_reports(job, said)
    assert points(job, "train_loss") == {7: 0.5, 8: "nan"}
    assert {series.key for series in series_of([job.pk])} == {"train_loss", "learning_rate"}
    assert not Metrics.is_event


def test_names_a_job_reports_beyond_the_bound_are_left_out_and_told_once(job: Job) -> None:
    for start in (0, 200, 400, 600, 800, 950, 1100):
        metrics = {f"m{number:04}": 1.0 for number in range(start, start + 200)}
        tell_reports(job, [Metrics(step=start, metrics=metrics)])
    assert series_of([job.pk]).count() == MAX_KEYS_A_JOB
    assert points(job, "m0999") == {800: 1.0, 950: 1.0}
    [line] = JobEvent.objects.filter(job=job, type="log")
    assert "beyond 1,000 names are left out, such as 'm1000'" in line.payload["message"]
    assert SystemEvent.objects.get(event_type="metrics_left_out").context == {
        "job_id": job.pk,
        "kind": "chore",
        "count": 2,
        "last_at": SystemEvent.objects.get().context["last_at"],  # type: ignore[index]
    }


def test_the_hook_for_metrics_is_registered() -> None:
    assert "metrics_heard" in [getattr(hook, "__name__", "") for hook in kinds.report_hooks()]


def test_forgetting_a_job_takes_its_points_along_in_pieces_and_can_be_stopped(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_job()
    monkeypatch.setattr("apps.core.metrics.forgetting._BATCH", 100)
    points_upsert(points=[Point(one.pk, "loss", step, 1.0) for one in (job, other) for step in range(350)])
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 2

    assert metrics_forget(job_ids=[job.pk], stop=stop) == 0
    assert min(points(job)) == 200
    assert metrics_forget(job_ids=[job.pk]) == 1
    assert (len(points(job)), len(points(other))) == (0, 350)
    assert set(MetricBlock.objects.values_list("series__job", flat=True)) == {other.pk}


def test_a_job_past_its_retention_goes_with_its_points(job: Job) -> None:
    long_ago = timezone.now() - timedelta(days=100)
    points_upsert(points=[Point(job.pk, "loss", step, 1.0) for step in range(300)])
    Job.objects.filter(pk=job.pk).update(status=JobStatus.COMPLETED, finished_at=long_ago)
    forgotten = sweep.forget_old(event_days=14, job_days=90, system_event_days=180)
    assert forgotten["jobs"] == 1
    assert (MetricSeries.objects.count(), MetricPoint.objects.count(), MetricBlock.objects.count()) == (0, 0, 0)


def test_a_job_deleted_by_hand_takes_its_points_along(job: Job) -> None:
    points_upsert(points=[Point(job.pk, "loss", step, 1.0) for step in range(300)])
    job.delete()
    assert (MetricSeries.objects.count(), MetricPoint.objects.count(), MetricBlock.objects.count()) == (0, 0, 0)


def test_on_sqlite_the_tables_are_kept_in_the_order_of_their_keys(db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's layout")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, wr FROM pragma_table_list WHERE name LIKE 'core_metric%'")
        assert dict(cursor.fetchall()) == {"core_metricseries": 0, "core_metricpoint": 1, "core_metricblock": 1}


def test_two_writers_of_one_job_at_once_lose_nothing(shared_database: str) -> None:
    job = new_job()
    failures: list[str] = []

    def write(offset: int) -> None:
        try:
            for start in range(0, 400, 20):
                batch = [
                    Point(job.pk, key, 2 * step + offset, float(step))
                    for step in range(start, start + 20)
                    for key in (("a", "b") if offset else ("b", "a"))
                ]
                points_upsert(points=batch)
        except Exception as error:
            failures.append(repr(error))
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(offset,)) for offset in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    for key in ("a", "b"):
        assert points(job, key) == {step: float(step // 2) for step in range(800)}
    [a, b] = series_of([job.pk])
    assert (a.written, a.last_step, b.last_value) == (800, 799, 399.0)
    assert all(math.isfinite(value) for curve in curves([job.pk]) for value in curve.values)
