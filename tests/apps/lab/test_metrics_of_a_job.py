"""A job's page shows what it measures, and keeps showing it as it comes."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.live import pages as live_pages
from apps.core.metrics import Point, points_upsert
from apps.core.models import User

from .conftest import People, make_job

Browser = Callable[[User], Client]


def test_a_job_shows_its_metrics_with_their_latest_values_and_curves(as_: Browser, people: People) -> None:
    job = make_job(people.owner)
    browser = as_(people.viewer)
    before = browser.get(f"/system/jobs/{job.pk}/").content.decode()
    assert '<section id="job-metrics" aria-labelledby="metrics-title" hidden>' in before
    points_upsert(points=[Point(job.pk, "train_loss", step, 1 / (step + 1)) for step in range(2000)])
    points_upsert(points=[Point(job.pk, "grad_norm", 1999, float("nan"))])
    after = browser.get(f"/system/jobs/{job.pk}/").content.decode()
    assert '<section id="job-metrics" aria-labelledby="metrics-title">' in after
    assert '<td class="num">0.0005</td><td class="num">1,999</td>' in after
    assert '<strong class="danger-text">nan</strong>' in after
    assert 'aria-label="train_loss: from 1.00 to 0.0005"' in after


def test_of_many_metrics_the_first_are_shown_in_as_many_statements_as_of_few(as_: Browser, people: People) -> None:
    counts = []
    for number in (1, 45):
        job = make_job(people.owner)
        points_upsert(points=[Point(job.pk, f"m{key:03}", step, 1.0) for key in range(number) for step in range(90)])
        browser = as_(people.viewer)
        with CaptureQueriesContext(connection) as asked:
            page = browser.get(f"/system/jobs/{job.pk}/").content.decode()
        counts.append(len(asked))
    assert "The first 40; 5 more by the API" in page
    assert counts[0] == counts[1]


def test_an_open_page_is_sent_its_metrics_when_points_move(people: People) -> None:
    job = make_job(people.owner)
    page = live_pages.get("job")
    assert live_pages.points_of(page, people.viewer, job.pk) == {job.pk}
    points_upsert(points=[Point(job.pk, "loss", 1, 0.5)])
    assert page.draw_points is not None
    html = page.draw_points(people.viewer, job.pk, [job.pk])
    assert '<section id="job-metrics" aria-labelledby="metrics-title" hx-swap-oob="true">' in html
    assert "0.5" in html
