"""The pages: who sees and does what, what they show in each state, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.experiments.models import Experiment, TaskSubmission
from apps.experiments.services import experiment_cancel, experiment_pause, experiment_rerun
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]
TABS = ["", "curves/", "tasks/", "config/", "log/"]


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def page(user: User | None, path: str, **headers: str) -> Any:
    return client_of(user).get(f"/experiments/{path}", headers=headers)


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def finished(make: Make, tasks: list[ArcTask]) -> Experiment:
    """One solved, one half solved, one wrong."""
    made = make()
    for cell in cells(made):
        end(cell)
    made.refresh_from_db()
    return made


def test_every_page_asks_strangers_to_sign_in(finished: Experiment) -> None:
    for path in ["", "new/", *(f"{finished.pk}/{tab}" for tab in TABS), f"{finished.pk}/cells/0/"]:
        answer = page(None, path)
        assert (answer.status_code, answer.url.startswith("/login/")) == (302, True), path


@pytest.mark.parametrize("tab", TABS)
def test_a_viewer_sees_every_tab_and_no_button(finished: Experiment, viewer: User, tab: str) -> None:
    answer = page(viewer, f"{finished.pk}/{tab}")
    assert answer.status_code == 200
    assert "/do/" not in text(answer)
    assert "delete-experiment" not in text(answer)


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("state", ["created", "in_progress", "paused", "cancelled", "failed"])
def test_every_state_has_its_page(make: Make, tasks: list[ArcTask], owner: User, tab: str, state: str) -> None:
    made = make(start=state != "created")
    if state == "paused":
        experiment_pause(experiment=made, by=owner)
    elif state == "cancelled":
        experiment_cancel(experiment=made, by=owner)
    elif state == "failed":
        for cell in cells(made):
            end(cell, "failed", error_code="crashed", error_message="Out of <memory>.")
    answer = page(owner, f"{made.pk}/{tab}")
    assert answer.status_code == 200
    body = text(answer)
    shown = "queued" if state == "in_progress" else state  # there is no worker
    assert f'<span class="badge st-{shown}">' in body
    assert ("no worker is up" in body) == (state == "in_progress")
    if state == "failed":
        assert "Out of &lt;memory&gt;." in body
    if state == "created" and tab != "config/":
        assert "Not started yet" in body


def test_the_matrix_shows_a_shape_a_colour_and_words(finished: Experiment, viewer: User) -> None:
    body = text(page(viewer, f"{finished.pk}/"))
    for position, symbol, words in (
        (0, "exact", "a · echo · solved"),
        (1, "partial", "b · echo · 1 of 2 tests solved"),
        (2, "wrong", "c · echo · wrong answer"),
    ):
        cell = re.search(rf'<a class="cell cell-{symbol}" id="c{position}"[^>]*title="([^"]*)"', body)
        assert cell is not None
        assert cell[1].startswith(words)
        assert f'href="#m-{symbol}"' in body


def test_the_figures_say_what_they_are(finished: Experiment, viewer: User) -> None:
    body = text(page(viewer, f"{finished.pk}/"))
    assert "50.0" in body
    assert "pass@2, macro" in body
    assert "estimated" in body


def test_a_page_without_a_cell_open_holds_no_truth_and_no_answer(make: Make, owner: User) -> None:
    make_task("secret", tests=[{"input": [[1]], "output": [[7, 8, 9, 7]]}])
    made = make()
    end(cells(made)[0])
    needle = re.compile(r"7,\s*8,\s*9,\s*7")
    for tab in TABS:
        assert not needle.search(text(page(owner, f"{made.pk}/{tab}")))


def test_the_hint_shows_the_task(finished: Experiment, viewer: User) -> None:
    body = text(page(viewer, f"{finished.pk}/cells/0/hint/"))
    assert "<svg" in body
    assert "Solved" in body


def test_an_earlier_run_stays_to_be_looked_at(finished: Experiment, owner: User) -> None:
    experiment_rerun(experiment=finished, by=owner)
    first = text(page(owner, f"{finished.pk}/?run=1"))
    assert "there is a later one" in first
    assert "cell-exact" in first
    assert "cells/0/?run=1" in first
    assert "/do/pause/" not in first
    assert "/do/pause/" in text(page(owner, f"{finished.pk}/"))
    assert page(owner, f"{finished.pk}/?run=7").status_code == 404
    assert page(owner, f"{finished.pk}/?run=x").status_code == 200


@pytest.mark.parametrize("action", ["start", "pause", "resume", "cancel", "retry", "rerun", "delete"])
def test_actions_are_refused_to_others(
    make: Make, tasks: list[ArcTask], teammate: User, viewer: User, action: str
) -> None:
    made = make()
    for user, status in ((teammate, 403), (viewer, 403), (None, 302)):
        path = f"/experiments/{made.pk}/do/{action}/"
        assert client_of(user).post(path, {"phrase": made.name}).status_code == status
        assert client_of(user).get(path).status_code in (302, 405, 403)
    made.refresh_from_db()
    assert made.status == "in_progress"


def test_the_buttons_work_and_say_so(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make(start=False)
    client = client_of(owner)

    def press(action: str, **form: str) -> str:
        answer = client.post(f"/experiments/{made.pk}/do/{action}/", form, follow=True)
        assert answer.status_code == 200
        made.refresh_from_db()
        return text(answer)

    press("start")
    assert made.status == "in_progress"
    press("pause")
    assert made.status == "paused"
    assert "cannot be paused now" in press("pause")
    press("resume")
    press("cancel")
    assert made.status == "cancelled"
    assert "3 cells are queued again" in press("retry")
    press("cancel")
    assert "name typed is another one" in press("delete", phrase="Something")
    assert (
        "is deleted"
        in client.post(f"/experiments/{made.pk}/do/delete/", {"phrase": made.name}, follow=True).content.decode()
    )
    assert not Experiment.objects.exists()
    assert client.post(f"/experiments/{made.pk}/do/start/").status_code == 404


def test_one_cell_can_be_done_again(finished: Experiment, owner: User, teammate: User) -> None:
    path = f"/experiments/{finished.pk}/cells/0/retry/"
    assert client_of(teammate).post(path).status_code == 403
    assert client_of(owner).post(path).status_code == 302
    assert cells(finished)[0].tries == 2


def test_the_list_filters_sorts_and_has_its_empty_states(
    make: Make, tasks: list[ArcTask], owner: User, viewer: User
) -> None:
    assert "Choose strategies and tasks" in text(page(owner, ""))
    assert "/experiments/new/" not in text(page(viewer, ""))
    make(name="Alpha")
    make(name="Beta", start=False)
    assert "Alpha" in text(page(viewer, "?status=in_progress"))
    assert "Beta" not in text(page(viewer, "?status=in_progress"))
    assert "No experiment is like that" in text(page(viewer, "?q=gamma"))
    body = text(page(viewer, "?sort=name"))
    assert body.index("Alpha") < body.index("Beta")
    assert page(viewer, "?sort=nonsense&page=999").status_code == 200


def test_the_tasks_tab_filters_and_sorts(finished: Experiment, viewer: User) -> None:
    assert "lab:a" in text(page(viewer, f"{finished.pk}/tasks/?result=exact"))
    assert "lab:c" not in text(page(viewer, f"{finished.pk}/tasks/?result=exact"))
    body = text(page(viewer, f"{finished.pk}/tasks/?sort=-score"))
    assert body.index("lab:a") < body.index("lab:b") < body.index("lab:c")
    assert "No cell is like that" in text(page(viewer, f"{finished.pk}/tasks/?q=zzz"))


def test_answers_stand_on_the_page_of_their_task(finished: Experiment, viewer: User) -> None:
    body = text(client_of(viewer).get("/tasks/lab:b/submissions/"))
    assert "50\u202f% solved" in body
    assert finished.name in body
    assert "No attempt" not in body


STATEMENTS = {"": 14, "curves/": 15, "tasks/": 15, "config/": 14, "log/": 14, "cells/0/": 18}


@pytest.mark.parametrize("tab", STATEMENTS)
def test_a_page_costs_the_same_whatever_the_size_of_the_run(make: Make, owner: User, viewer: User, tab: str) -> None:
    def statements(tasks: int, dataset: str) -> int:
        for number in range(tasks):
            make_task(f"t{number}", dataset=dataset)
        made = make(task_selection_criteria={"datasets": [dataset]}, strategy_configs={"echo": {}, "other": {}})
        end(cells(made)[0])
        end(cells(made)[1])
        client = client_of(viewer)
        client.get(f"/experiments/{made.pk}/{tab}")
        cache.clear()
        with CaptureQueriesContext(connection) as caught:
            assert client.get(f"/experiments/{made.pk}/{tab}").status_code == 200
        return len(caught)

    few, many = statements(2, "few"), statements(30, "many")
    assert few == many <= STATEMENTS[tab]


def test_the_list_costs_the_same_however_long(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    client = client_of(viewer)

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get("/experiments/").status_code == 200
        return len(caught)

    make()
    statements()
    few = statements()
    for _ in range(8):
        make()
    assert statements() == few <= 14


def test_the_task_tab_costs_the_same_however_many_answers(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    client = client_of(viewer)

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get("/tasks/lab:a/submissions/").status_code == 200
        return len(caught)

    end(cells(make())[0])
    statements()
    few = statements()
    for _ in range(5):
        end(cells(make())[0])
    assert TaskSubmission.objects.filter(task="lab:a").count() == 6
    assert statements() == few


def test_what_has_no_score_comes_last_whichever_way_it_is_sorted(
    make: Make, tasks: list[ArcTask], finished: Experiment, viewer: User
) -> None:
    make(name="Unscored")
    for sort in ("score", "-score", "cost", "-cost"):
        body = text(page(viewer, f"?sort={sort}"))
        assert body.index(f"row-{finished.pk}") < body.index(">Unscored<"), sort
    half = make(name="Half")
    end(cells(half)[1])
    for sort in ("score", "-score", "finished", "-finished"):
        body = text(page(viewer, f"{half.pk}/tasks/?sort={sort}"))
        assert body.index("lab:b") < body.index("lab:a"), sort


def test_the_gallery_asks_which_strategy_solved_a_task(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    for cell in cells(make()):
        end(cell)
    client = client_of(viewer)
    offered = text(client.get("/tasks/"))
    assert '<option value="by:echo">By Echo</option>' in offered
    assert '<option value="not:other">Not by Other</option>' in offered
    solved = [one.raw_id for one in tasks if f'href="/tasks/{one.pk}/' in text(client.get("/tasks/?solved=by:echo"))]
    assert solved == ["a"]
    assert "3 tasks" in text(client.get("/tasks/?solved=not:other"))
