"""The cell: question and answers in one row, the truth only when asked for, and a way from each to the next."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.experiments.engine import registry
from apps.experiments.models import Experiment
from apps.experiments.replayer import CannotReplay, Replayer
from apps.experiments.services import experiment_rerun
from apps.tasks.models import ArcTask
from tests import patience
from tests.apps.experiments.conftest import answer_of, begin, cells, end, make_task
from tests.apps.experiments.test_figures_are_the_same_everywhere import plain
from tests.apps.experiments.test_the_pages import client_of, page, text

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]
MAGENTA = "#f012be"


@pytest.fixture
def secret(make: Make, owner: User) -> Experiment:
    """Answered wrongly; the truth is all of one colour that is nowhere else."""
    make_task("secret", tests=[{"input": [[1, 1]], "output": [[6, 6, 6], [6, 6, 6]]}])
    made = make()
    end(cells(made)[0])
    return made


@pytest.fixture
def row(make: Make, tasks: list[ArcTask]) -> Experiment:
    """One solved, one half solved, one wrong, and one that found nothing."""
    make_task("d")
    made = make()
    *answered, last = cells(made)
    for cell in answered:
        end(cell)
    end(last, result={"predictions": [[]]})
    return made


def at(user: User, made: Experiment, path: str) -> str:
    answer = page(user, f"{made.pk}/{path}")
    assert answer.status_code == 200
    return text(answer)


def steps(body: str) -> dict[str, str]:
    """Where one can go, by name."""
    links = re.findall(r'<a [^>]*href="([^"]*)"[^>]*data-step="(\w+)"', body)
    return {name: href.replace("&amp;", "&") for href, name in links}


def test_everything_but_the_truth_stands_in_one_row(secret: Experiment, viewer: User) -> None:
    body = at(viewer, secret, "cells/0/")
    said = plain(body.split('<div class="cell-band">')[1].split('<p class="cell-keys')[0])
    assert said == "Demo 1 Demo 2 Input 1 × 2 Attempt 1 1 × 2 · 50 % sure Truth hidden Show truth and difference"
    assert "return grid" in body
    assert MAGENTA not in body


def test_the_truth_comes_with_the_difference_when_asked_for_and_stays_while_one_steps(
    secret: Experiment, viewer: User
) -> None:
    link = steps(at(viewer, secret, "cells/0/"))["truth"]
    shown = text(client_of(viewer).get(f"/experiments/{secret.pk}/cells/0/{link}"))
    assert MAGENTA in shown
    assert "1 by 2, the truth is 2 by 3" in plain(shown)
    assert shown.count("<svg") > at(viewer, secret, "cells/0/").count("<svg")
    assert "Hide the truth" in shown
    assert "truth=1" not in steps(shown)["truth"]


def test_a_truth_nobody_knows_is_not_offered(make: Make, viewer: User) -> None:
    make_task("open", tests=[{"input": [[1]], "output": None}])
    made = make()
    end(cells(made)[0])
    body = at(viewer, made, "cells/0/?truth=1")
    assert "Not known here" in body
    assert "Show truth" not in body


def test_each_test_of_a_task_has_a_row_of_its_own(row: Experiment, viewer: User) -> None:
    said = plain(at(viewer, row, "cells/1/?truth=1"))
    assert "Test 1 solved" in said
    assert "Test 2 not solved" in said
    assert said.count("Attempt 1") == 2
    assert "Exactly the truth" in said
    assert "4 of 4 cells differ" in said


def test_one_steps_along_a_row_in_the_order_and_among_the_cells_chosen(row: Experiment, viewer: User) -> None:
    body = at(viewer, row, "cells/1/")
    base = f"/experiments/{row.pk}/cells"
    assert (steps(body)["before"], steps(body)["after"]) == (f"{base}/0/", f"{base}/2/")
    assert "2 of 4" in plain(body)
    among = at(viewer, row, "cells/1/?unsolved=1")
    assert "before" not in steps(among)
    assert steps(among)["after"] == f"{base}/2/?unsolved=1"
    assert "1 of 3" in plain(among)
    assert "before" not in steps(at(viewer, row, "cells/0/"))
    assert "after" not in steps(at(viewer, row, "cells/3/"))
    turned = at(viewer, row, "cells/0/?order=-solved&truth=1")
    assert steps(turned)["before"] == f"{base}/1/?order=-solved&truth=1"


def test_a_cell_that_is_not_among_the_chosen_is_still_left_by_them(row: Experiment, viewer: User) -> None:
    body = at(viewer, row, "cells/0/?unsolved=1")
    assert steps(body)["after"].endswith("/cells/1/?unsolved=1")
    assert "1 of 4" in plain(body)


def test_the_rows_of_its_task_are_above_and_below(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make(seeds=[0, 1], strategy_configs={"echo": {}, "other": {}})
    here = steps(at(viewer, made, "cells/5/"))
    base = f"/experiments/{made.pk}/cells"
    assert (here["above"], here["below"]) == (f"{base}/4/", f"{base}/6/")
    assert (here["before"], here["after"]) == (f"{base}/1/", f"{base}/9/")
    assert "above" not in steps(at(viewer, made, "cells/4/"))
    assert "below" not in steps(at(viewer, made, "cells/7/"))


def test_it_leads_back_to_the_matrix_as_one_left_it(row: Experiment, viewer: User) -> None:
    body = at(viewer, row, "cells/2/?order=effort&unsolved=1&truth=1")
    assert steps(body)["matrix"] == f"/experiments/{row.pk}/?order=effort#c2"


def test_an_earlier_run_is_kept_while_one_steps(row: Experiment, owner: User) -> None:
    experiment_rerun(experiment=row, by=owner)
    body = at(owner, row, "cells/1/?run=1")
    assert steps(body)["after"].endswith("/cells/2/?run=1")
    assert "/retry/" not in body
    assert "run 1" in plain(body)


def test_a_cell_under_way_shows_the_question_and_looks_again(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    begin(cells(made)[0])
    body = at(viewer, made, "cells/0/")
    assert "Not answered yet" in body
    assert 'hx-trigger="every 4s"' in body
    end(cells(made)[0])
    assert "hx-trigger" not in at(viewer, made, "cells/0/").split("data-cell")[1].split(">")[0]


def test_a_failure_says_what_happened_whole(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    end(cells(made)[0], "failed", error_code="crashed", error_message="Line one\nof <memory>.")
    body = at(viewer, made, "cells/0/")
    assert "Line one\nof &lt;memory&gt;." in body
    assert "Failed: crashed" in plain(body)


def test_measured_effort_stands_beside_the_budget(row: Experiment, viewer: User) -> None:
    said = plain(at(viewer, row, "cells/0/"))
    assert "Effort, measured 2.00 core-s Budget 1.00 s of steps 7.00 used" in said


def test_nothing_found_and_a_wrong_answer_look_different_everywhere(row: Experiment, viewer: User) -> None:
    matrix = at(viewer, row, "")
    shapes = re.findall(r'id="c[23]".*?href="#m-(\w+)"', matrix)
    assert shapes == ["wrong", "nothing"]
    assert 'id="m-nothing"' in matrix
    table = plain(at(viewer, row, "tasks/"))
    assert "wrong answer" in table
    assert "found nothing" in table
    assert "lab:d" not in at(viewer, row, "tasks/?result=wrong")
    assert "lab:c" not in at(viewer, row, "tasks/?result=nothing").split("<tbody>")[1]
    answers = {name: text(client_of(viewer).get(f"/tasks/lab:{name}/submissions/")) for name in "cd"}
    assert "st-wrong" in answers["c"]
    assert "st-nothing" in answers["d"]
    assert not any("st-cancelled" in body for body in answers.values())
    log = at(viewer, row, "log/")
    assert "c by Echo (seed 0): wrong answer" in log
    assert "d by Echo (seed 0): found nothing" in log


def test_a_replay_calls_only_the_last_grid_output_and_shows_the_input_once(row: Experiment, viewer: User) -> None:
    registry.register("echo", "tests.apps.experiments.strategies:Staged")
    body = at(viewer, row, "cells/1/replay/1/1/")
    heads = [plain(head) for head in re.findall(r"<th scope=\"col\">(.*?)</th>", body, re.S)]
    assert heads == ["Which", "Input", "1 flip: left to right", "2 look", "3 · output flip back"]
    said = plain(body)
    assert said.count("Demonstration") == 2
    assert said.count("Test") == 2
    assert said.count("as demonstrated") == 2
    assert "look: 2 first" in said
    assert body.count("<svg") == 4 * 4 + 2  # four grids a line, two marks


def test_a_program_that_ends_elsewhere_is_said_to(make: Make, viewer: User) -> None:
    make_task("other", tests=[{"input": [[1]], "output": [[2]]}])
    ArcTask.objects.filter(pk="lab:other").update(
        train_examples=[{"input": [[1]], "output": [[2]]}, {"input": [[3]], "output": [[3]]}]
    )
    made = make()
    end(cells(made)[0], result=answer_of(cells(made)[0]))
    said = plain(at(viewer, made, "cells/0/replay/1/1/"))
    assert (said.count("not as demonstrated"), said.count("as demonstrated")) == (1, 2)
    assert page(viewer, f"{made.pk}/cells/0/replay/1/2/").status_code == 404


@pytest.mark.parametrize(("how", "why"), [("Foreign", "KeyError: 'kind'"), ("Crashing", "its process ended")])
def test_a_program_that_cannot_be_run_again_says_so(row: Experiment, viewer: User, how: str, why: str) -> None:
    registry.register("echo", f"tests.apps.experiments.strategies:{how}")
    assert f"This version cannot run it again ({why})" in html.unescape(at(viewer, row, "cells/0/replay/1/1/"))


def test_a_program_without_end_holds_nobody_up_and_the_next_one_runs(row: Experiment, viewer: User) -> None:
    registry.register("echo", "tests.apps.experiments.strategies:Endless")
    impatient = Replayer(seconds=0.5)
    with pytest.raises(CannotReplay, match=r"longer than 0\.5 seconds"):
        impatient.steps("echo", {}, [[[1]]])
    registry.register("echo", "tests.apps.experiments.strategies:Echo")
    impatient.seconds = patience.PATIENCE
    assert impatient.steps("echo", {}, [[[1]]]) == [[("return grid", [[1]])]]
    impatient.close()


def test_its_cost_does_not_grow_with_the_run(make: Make, viewer: User) -> None:
    def statements(tasks: int, dataset: str) -> int:
        for number in range(tasks):
            make_task(f"t{number}", dataset=dataset)
        made = make(task_selection_criteria={"datasets": [dataset]})
        end(cells(made)[0])
        client = client_of(viewer)
        path = f"/experiments/{made.pk}/cells/0/?order=effort&unsolved=1&truth=1"
        client.get(path)
        with CaptureQueriesContext(connection) as caught:
            assert client.get(path).status_code == 200
        return len(caught)

    assert statements(3, "few") == statements(40, "many") <= 20


def test_a_cell_there_is_not_is_not_found(row: Experiment, viewer: User) -> None:
    assert page(viewer, f"{row.pk}/cells/4/").status_code == 404
