"""What the socket sends to open pages is what the pages are made of."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.live import pages as live_pages
from apps.core.live.log import Event, Position

from .conftest import People, make_cells, make_experiment, make_job, results_of


def event(number: int, kind: str, **payload: object) -> Event:
    """An event as readers see it."""
    return Event(Position(0, number), "job_1", "", number, kind, payload, timezone.now())


def test_the_observatory_is_sent_in_parts_that_replace_each_other(people: People) -> None:
    make_cells(make_experiment(people.owner, "Dawn", "in_progress"), done=2, waiting=2)
    html = live_pages.get("observatory").render(people.owner, "", [])
    parts = ("figures", "welcome", "running", "finished", "score-cost", "best", "needs", "hosts")
    for part in parts:
        assert f'id="obs-{part}"' in html
    assert html.count("hx-swap-oob") == len(parts)
    assert "2 of 4" in html


def test_the_machine_room_is_sent_in_parts_with_switches_for_admins_alone(people: People) -> None:
    make_job(people.owner, "queued", queue="gpu")
    room = live_pages.get("system")
    for user, switches in ((people.admin, True), (people.owner, False)):
        html = room.render(user, "", [])
        for part in ("sys-figures", "sys-queues", "sys-hosts", "sys-leases"):
            assert f'id="{part}"' in html
        assert ("/system/queues/gpu/pause/" in html) is switches


def test_the_observatorys_socket_draws_what_the_address_of_the_page_chose(people: People) -> None:
    make_experiment(people.owner, "Dawn", results=results_of(0.25))
    past, future = "since=2020-01-01T00%3A00%3A00%2B00%3A00", "since=2999-01-01T00%3A00%3A00%2B00%3A00"
    page = live_pages.get("observatory")
    assert "Finished since you last looked" in page.render(people.owner, past, [])
    assert "Nothing has ended since." in page.render(people.owner, future, [])
    for odd in ("since=2020-13-45T99%3A00%3A00", "since=yesterday", "tasks=%00", "=&&"):
        assert "Dawn" in page.render(people.owner, odd, [])


def test_a_job_is_sent_its_state_and_each_new_line_once(people: People) -> None:
    job = make_job(people.owner, "running", progress=0.5)
    page = live_pages.get("job")
    assert page.topics(people.owner, job.pk) == [job.pk]
    html = page.render(
        people.owner,
        job.pk,
        [event(7, "log", level="info", message="<Depth 2>"), event(8, "metrics", steps=3)],
    )
    assert 'id="job-state" hx-swap-oob="true"' in html
    assert 'hx-swap-oob="beforeend:#job-log-lines"' in html
    assert html.count('class="log-line"') == 1
    assert 'id="e0-7"' in html
    assert "&lt;Depth 2&gt;" in html
    assert f"/system/jobs/{job.pk}/cancel/" in html


def test_nobody_listens_to_a_job_there_is_not(people: People) -> None:
    with pytest.raises(NotFound):
        live_pages.get("job").topics(people.owner, "job_nothing")
