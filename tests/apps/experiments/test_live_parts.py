"""What a running experiment sends to its open pages: what changed, in a bounded number of statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.errors import NotFound
from apps.core.live.log import Event, Position
from apps.core.models import JobEvent, User
from apps.core.words import effort
from apps.experiments import live, queries
from apps.experiments.models import Experiment, ExperimentRun
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


def events_of(made: Experiment, since: int = 0) -> list[Event]:
    """The log as the tailer would hand it over."""
    rows = JobEvent.objects.filter(topic=made.runs.get().run_id, id__gt=since).order_by("id")
    return [Event(Position(e.xid, e.id), e.job_id, e.topic, e.seq, e.type, e.payload, e.at) for e in rows]


def last() -> int:
    return JobEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def test_only_cells_that_changed_are_sent(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    since = last()
    end(cells(made)[1])
    html = live._render(viewer, f"{made.runs.get().run_id}:detail", events_of(made, since))
    assert re.findall(r'<a class="cell cell-(\w+) flash" id="c(\d+)"', html) == [("partial", "1")]
    assert "1 of 3" in html
    assert 'id="exp-figures" hx-swap-oob="true"' in html
    assert 'id="exp-rows" hx-swap-oob="true"' in html


def test_a_viewer_is_sent_no_buttons_and_the_owner_is(
    make: Make, tasks: list[ArcTask], owner: User, viewer: User
) -> None:
    key = f"{make().runs.get().run_id}:detail"
    assert "/do/pause/" in live._render(owner, key, [])
    assert "/do/" not in live._render(viewer, key, [])


def test_the_log_gets_lines_with_the_keys_the_page_has(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    since = last()
    end(cells(made)[0])
    events = events_of(made, since)
    html = live._render(viewer, f"{made.runs.get().run_id}:log", events)
    result = next(e for e in events if e.type == "cell")
    assert f'id="e{result.position.cursor}"' in html
    assert f"a by Echo (seed 0): solved, {effort(2.0)}" in html
    assert html.count('class="log-line"') == 1


def test_solvers_words_reach_the_log(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    said = Event(
        Position(0, 9),
        "job_x",
        made.runs.get().run_id,
        1,
        "log",
        {"level": "WARNING", "message": "<b>"},
        datetime.now(UTC),
    )
    html = live._render(viewer, f"{made.runs.get().run_id}:log", [said])
    assert 'data-level="warning"' in html
    assert "&lt;b&gt;" in html


def test_the_curve_gets_a_drawing_its_reading_and_its_table(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    for cell in cells(made)[:2]:
        end(cell)
    html = live._render(viewer, f"{made.runs.get().run_id}:curves", [])
    for name in ("solve-curve", "solve-curve-reading", "solve-curve-table"):
        assert re.search(rf'id="{name}"[^>]* hx-swap-oob="true"', html), name
    assert "Echo solves 75.0" in html


def test_a_push_costs_the_same_whatever_the_run_holds(make: Make, viewer: User) -> None:
    def statements(tasks: int, dataset: str, tab: str) -> int:
        for number in range(tasks):
            make_task(f"t{number}", dataset=dataset)
        made = make(task_selection_criteria={"datasets": [dataset]})
        since = last()
        for cell in cells(made)[: tasks // 2]:
            end(cell)
        events = events_of(made, since)
        with CaptureQueriesContext(connection) as caught:
            live._render(viewer, f"{made.runs.get().run_id}:{tab}", events)
        return len(caught)

    for tab in ("detail", "curves", "log", "tasks", "config"):
        assert statements(2, f"few{tab}", tab) == statements(20, f"many{tab}", tab) <= 9, tab


def test_figures_are_computed_once_an_event_whoever_watches(
    make: Make, tasks: list[ArcTask], owner: User, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    standings_of = queries.standings_of

    def counted(runs: Sequence[ExperimentRun]) -> Any:
        computed.extend(run.run_id for run in runs)
        return standings_of(runs)

    monkeypatch.setattr(queries, "standings_of", counted)
    made = make()
    key, since = f"{made.runs.get().run_id}:detail", last()
    end(cells(made)[0])
    heard = events_of(made, since)
    first = live._render(owner, key, heard)
    with CaptureQueriesContext(connection) as caught:
        second = live._render(viewer, key, heard)
    assert len(caught) == 1  # the cells of these events
    assert (len(computed), "/do/pause/" in first, "/do/" in second) == (1, True, False)
    assert second.count('id="exp-figures"') == 1
    live._render(viewer, f"{made.runs.get().run_id}:tasks", heard)
    live._render(viewer, key, heard[:1])  # who hears of less is shown no less
    assert len(computed) == 1
    end(cells(made)[1])
    assert "2 of 3" in live._render(viewer, key, events_of(made, since))
    assert len(computed) == 2
    live._render(viewer, key, [])  # after a reset nobody knows where the log stands
    assert len(computed) == 3


def test_the_list_is_sent_the_rows_that_moved(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    moving, still = make(name="Moving"), make(name="Still")
    since = last()
    end(cells(moving)[0])
    key = f"{moving.runs.get().run_id},{still.runs.get().run_id}"
    html = live._list_render(viewer, key, events_of(moving, since))
    assert f'id="progress-{moving.pk}"' in html
    assert still.pk not in html


def test_unknown_keys_are_not_found(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    for key in ("run_none:detail", f"{make().runs.get().run_id}:nonsense", ""):
        with pytest.raises(NotFound):
            live._topics(viewer, key)
