"""What jobs measure, by JSON: names with latest values, and curves of a bounded length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.core.metrics import Point, points_upsert
from apps.core.models import Job
from tests.apps.core.conftest import People, Program


@pytest.fixture
def job(db: None) -> Job:
    job = Job.objects.create(kind="chore", created_at=timezone.now())
    points_upsert(points=[Point(job.pk, "loss", step, 1 / (step + 1)) for step in range(1_000)])
    points_upsert(points=[Point(job.pk, "accuracy", step, step / 10) for step in range(10)])
    points_upsert(points=[Point(job.pk, "accuracy", 10, float("nan"))])
    return job


@pytest.fixture
def get(people: People, program: Callable[..., Program]) -> Callable[[str], Any]:
    reader = program(people.viewer, "read")
    return lambda path: reader.call("get", path)


def test_the_metrics_of_a_job_are_listed_with_their_latest_values(job: Job, get: Callable[[str], Any]) -> None:
    page = get(f"/api/v1/jobs/{job.pk}/metrics").json()
    assert (page["total"], page["pages"]) == (2, 1)
    accuracy, loss = page["items"]
    assert (accuracy["key"], accuracy["last_step"], accuracy["value"], accuracy["nonfinite"]) == (
        "accuracy",
        10,
        None,
        "nan",
    )
    assert (loss["key"], loss["first_step"], loss["last_step"], loss["value"], loss["nonfinite"]) == (
        "loss",
        0,
        999,
        0.001,
        None,
    )
    assert get(f"/api/v1/jobs/{job.pk}/metrics?key=loss").json()["total"] == 1


def test_curves_are_read_in_as_many_points_as_asked_for(job: Job, get: Callable[[str], Any]) -> None:
    page = get(f"/api/v1/jobs/{job.pk}/metrics/curves?max_points=50").json()
    accuracy, loss = page["items"]
    assert accuracy == {
        "key": "accuracy",
        "steps": list(range(10)),
        "values": [step / 10 for step in range(10)],
        "times": None,
        "nonfinite": [[10, "nan"]],
        "whole": True,
    }
    assert not loss["whole"]
    assert len(loss["steps"]) <= 50
    assert (loss["steps"][0], loss["steps"][-1]) == (0, 999)


def test_a_reader_goes_on_after_the_last_step_it_has(job: Job, get: Callable[[str], Any]) -> None:
    path = f"/api/v1/jobs/{job.pk}/metrics/curves?key=loss&after_step=996&times=true"
    [loss] = get(path).json()["items"]
    assert loss["steps"] == [997, 998, 999]
    assert len(loss["times"]) == 3
    [loss] = get(f"/api/v1/jobs/{job.pk}/metrics/curves?key=loss&after_step=10&until_step=12").json()["items"]
    assert loss["steps"] == [11, 12]


def test_a_name_that_has_no_points_yet_is_no_error(job: Job, get: Callable[[str], Any]) -> None:
    assert get(f"/api/v1/jobs/{job.pk}/metrics/curves?key=eval_loss").json()["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("max_points=9", "max_points"),
        ("max_points=5001", "max_points"),
        ("after_step=x", "after_step"),
        (f"until_step={2**53}", "until_step"),
        ("key=" + "k" * 251, "key"),
        ("&".join(f"key=k{number}" for number in range(51)), "key"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_field(
    job: Job, get: Callable[[str], Any], query: str, field: str
) -> None:
    answer = get(f"/api/v1/jobs/{job.pk}/metrics/curves?{query}")
    assert answer.status_code == 422
    assert field in answer.json()["error"]["details"]["field"].split(".")


def test_a_job_there_is_not_and_a_stranger_are_told(job: Job, get: Callable[[str], Any], anonymous: Client) -> None:
    assert get("/api/v1/jobs/job_none/metrics").status_code == 404
    assert get("/api/v1/jobs/job_none/metrics/curves").status_code == 404
    assert anonymous.get(f"/api/v1/jobs/{job.pk}/metrics").status_code == 401
