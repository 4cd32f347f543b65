"""Answers as Kaggle, the CSV of 2020 and the official harness take them; their scorers and ours say the same."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from apps.core.models import User
from apps.experiments.models import Experiment, Solve
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import GRID, OTHER, cells, end, make_task

Make = Callable[..., Experiment]
ROOT = "/api/v1/experiments"
FILLER = [[0, 0], [0, 0]]
THIRD = [[7]]


@pytest.fixture
def client(viewer: User) -> Client:
    """A viewer's browser."""
    client = Client()
    client.force_login(viewer)
    return client


def answered(*per_test: list[Any]) -> dict[str, Any]:
    """What a solving process returns: the attempts at each test."""
    predictions = [[{"grid": grid, "confidence": 0.5} for grid in grids] for grids in per_test]
    return {"predictions": predictions, "strategy_version": "1.2"}


@pytest.fixture
def run(make: Make, tasks: list[ArcTask]) -> Experiment:
    """Echo and another over three tasks with two seeds; some cells have not been answered."""
    made = make(name="Mixed", strategy_configs={"echo": {}, "other": {}}, seeds=[0, 1])
    found = {(cell.task_id, cell.strategy, cell.seed): cell for cell in cells(made)}
    end(found["lab:a", "echo", 0], result=answered([OTHER, GRID]))
    end(found["lab:b", "echo", 0], result=answered([GRID], [THIRD, OTHER]))
    end(found["lab:c", "echo", 0], result=answered([]))
    end(found["lab:a", "other", 1], result=answered([THIRD]))
    end(found["lab:b", "other", 1], result=answered([GRID, THIRD], []))
    return made


def fetch(client: Client, made: Experiment, **query: Any) -> Any:
    """The response to an export."""
    return client.get(f"{ROOT}/{made.pk}/export", query)


def test_kaggles_file_has_both_attempts_at_every_test(client: Client, run: Experiment) -> None:
    response = fetch(client, run, format="submission", strategy="echo", seed=0)
    assert 'filename="submission.json"' in response["Content-Disposition"]
    assert json.loads(response.getvalue()) == {
        "a": [{"attempt_1": OTHER, "attempt_2": GRID}],
        "b": [{"attempt_1": GRID, "attempt_2": FILLER}, {"attempt_1": THIRD, "attempt_2": OTHER}],
        "c": [{"attempt_1": FILLER, "attempt_2": FILLER}],
    }
    assert (response["X-Tasks"], response["X-Filled-Tasks"], response["X-Filled-Outputs"]) == ("3", "1", "1")


def test_two_rows_give_their_best_attempt_each(client: Client, run: Experiment) -> None:
    response = fetch(client, run, format="submission", strategy="other", seed=1, second_strategy="echo", second_seed=0)
    assert json.loads(response.getvalue()) == {
        "a": [{"attempt_1": THIRD, "attempt_2": OTHER}],
        "b": [{"attempt_1": GRID, "attempt_2": GRID}, {"attempt_1": THIRD, "attempt_2": FILLER}],
        "c": [{"attempt_1": FILLER, "attempt_2": FILLER}],
    }


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ({}, "strategy", "This run has 4 rows like that; say whose attempts"),
        ({"strategy": "echo"}, "seed", "echo seed 0, echo seed 1"),
        (
            {"strategy": "nobody"},
            "strategy",
            "This run has no such row. It has: echo seed 0, echo seed 1, other seed 0",
        ),
        ({"strategy": "echo", "seed": 7}, "strategy", "no such row"),
        ({"strategy": "echo", "seed": 0, "second_strategy": "other"}, "second_seed", "second_strategy and second_seed"),
        ({"strategy": "echo", "seed": 0, "dataset": "none"}, "dataset", "it has: lab"),
    ],
)
def test_what_is_not_clear_is_asked_for_by_name(
    client: Client, run: Experiment, query: Any, field: str, words: str
) -> None:
    for path in ("export", "export/check"):
        response = client.get(
            f"{ROOT}/{run.pk}/{path}", {"format": "submission", **query} if path == "export" else query
        )
        assert response.status_code == 422
        error = response.json()["error"]
        assert error["details"]["field"] == field
        assert words in error["message"]


def test_one_row_needs_no_name(client: Client, make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    assert fetch(client, made, format="submission").status_code == 200


def test_ids_of_two_datasets_that_collide_are_refused_by_name(client: Client, make: Make, tasks: list[ArcTask]) -> None:
    make_task("a", dataset="more")
    made = make(task_selection_criteria={"datasets": ["lab", "more"]})
    response = fetch(client, made, format="submission")
    assert response.status_code == 422
    assert "1 id would stand for several tasks: lab:a and more:a" in response.json()["error"]["message"]
    assert response.json()["error"]["details"]["collisions"] == [["lab:a", "more:a"]]
    one = fetch(client, made, format="submission", dataset="more")
    assert (list(json.loads(one.getvalue())), one["X-Left-Out"]) == (["a"], "3")


def test_a_split_is_filled_whether_the_run_had_its_tasks_or_not(
    client: Client, make: Make, tasks: list[ArcTask]
) -> None:
    make_task("new", tests=[{"input": GRID, "output": GRID}] * 3)
    made = make(task_selection_criteria={"task_ids": ["lab:a", "lab:b"]})
    response = fetch(client, made, format="submission", split="lab/training")
    assert {raw_id: len(tests) for raw_id, tests in json.loads(response.getvalue()).items()} == {
        "a": 1,
        "b": 2,
        "c": 1,
        "new": 3,
    }
    assert (response["X-Filled-Tasks"], response["X-Filled-Outputs"]) == ("4", "7")
    assert fetch(client, made, format="submission", split="lab/none").status_code == 404


def test_the_csv_of_2020_has_a_line_a_test(client: Client, run: Experiment) -> None:
    text = fetch(client, run, format="csv2020", strategy="echo", seed=0).getvalue().decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["output_id"], row["output"]) for row in rows] == [
        ("a_0", "|22|22| |10|01|"),
        ("b_0", "|10|01|"),
        ("b_1", "|7| |22|22|"),
        ("c_0", "|00|00|"),
    ]


def test_what_a_run_would_give_can_be_asked_first(client: Client, run: Experiment) -> None:
    assert client.get(f"{ROOT}/{run.pk}/export/check?strategy=other&seed=1").json() == {
        "attempts_of": [{"strategy": "other", "seed": 1}],
        "tasks": 3,
        "outputs": 4,
        "filled_tasks": 1,
        "filled_outputs": 2,
        "left_out": 0,
    }


# --- Other people's scorers, in a few lines of our own


def harness_score(files: dict[str, Any], truths: dict[str, list[Any]]) -> float:
    """As the official harness counts: a task's share of solved tests, over the number of files."""
    scores = []
    for raw_id, tests in files.items():
        solved = [
            any(test[key]["answer"] == truths[raw_id][index] for key in test if key.startswith("attempt_"))
            for index, test in enumerate(tests)
        ]
        scores.append(sum(solved) / len(truths[raw_id]))
    return sum(scores) / len(scores)


def kaggle_score(submission: dict[str, Any], truths: dict[str, list[Any]]) -> float:
    """As Kaggle counts: solved test outputs over all of them."""
    hits = [
        truth in (submission[raw_id][index]["attempt_1"], submission[raw_id][index]["attempt_2"])
        for raw_id, outputs in truths.items()
        for index, truth in enumerate(outputs)
    ]
    return sum(hits) / len(hits)


def csv_score(rows: list[dict[str, str]], truths: dict[str, list[Any]]) -> int:
    """As in 2020, by tasks: all of a task's outputs among its guesses."""
    guesses = {
        row["output_id"]: [
            [list(map(int, line)) for line in one.strip("|").split("|")] for one in row["output"].split()
        ]
        for row in rows
    }
    return sum(
        all(truth in guesses[f"{raw_id}_{index}"] for index, truth in enumerate(outputs))
        for raw_id, outputs in truths.items()
    )


@pytest.fixture
def graded(make: Make) -> Experiment:
    """A finished run over a dozen tasks whose answers are right, half right, late or missing."""
    for number in range(12):
        outputs = [[[number % 10]], [[number % 7, 1]]][: 1 + number % 2]
        make_task(f"g{number:02d}", tests=[{"input": GRID, "output": output} for output in outputs], dataset="graded")
    made = make(task_selection_criteria={"datasets": ["graded"]})
    for number, cell in enumerate(cells(made)):
        right = cell.task.truths
        wrong = [[9, 9, 9]]
        given = {
            0: [[truth] for truth in right],
            1: [[wrong, truth] for truth in right],
            2: [[truth if index == 0 else wrong] for index, truth in enumerate(right)],
            3: [[] for _ in right],
        }[number % 5 % 4]
        end(cell, result=answered(*given))
    made.refresh_from_db()
    return made


def truths_of(made: Experiment) -> dict[str, list[Any]]:
    """The outputs by raw id."""
    return {cell.task.raw_id: cell.task.truths for cell in cells(made)}


def test_a_scorer_of_the_harness_gives_our_macro(client: Client, graded: Experiment) -> None:
    response = fetch(client, graded, format="harness")
    archive = zipfile.ZipFile(io.BytesIO(response.getvalue()))
    files = {
        name.rpartition("/")[2].removesuffix(".json"): json.loads(archive.read(name)) for name in archive.namelist()
    }
    totals = graded.results["totals"]
    assert 0.2 < totals["macro"] < 0.9
    assert harness_score(files, truths_of(graded)) == pytest.approx(totals["macro"])


def test_a_scorer_of_kaggle_gives_our_micro(client: Client, graded: Experiment) -> None:
    submission = json.loads(fetch(client, graded, format="submission").getvalue())
    assert kaggle_score(submission, truths_of(graded)) == pytest.approx(graded.results["rows"][0]["micro"])


def test_a_scorer_of_2020_gives_our_strict(client: Client, graded: Experiment) -> None:
    rows = list(csv.DictReader(io.StringIO(fetch(client, graded, format="csv2020").getvalue().decode())))
    assert csv_score(rows, truths_of(graded)) == graded.results["rows"][0]["strict"]


ATTEMPT = {
    "model", "provider", "start_timestamp", "end_timestamp", "choices", "reasoning_summary", "kwargs", "usage", "cost",
    "task_id", "pair_index", "test_id",
}  # fmt: skip


def test_the_harness_finds_every_field_it_asks_for_and_never_three_attempts(client: Client, run: Experiment) -> None:
    Solve.objects.filter(task_id="lab:a", strategy="echo", seed=0).update(dollars=0.5)
    response = fetch(client, run, format="harness", strategy="echo", seed=0)
    archive = zipfile.ZipFile(io.BytesIO(response.getvalue()))
    assert archive.namelist() == [f"mixed-run1-echo-0/{name}.json" for name in "abc"]
    files = [json.loads(archive.read(name)) for name in archive.namelist()]
    for tests in files:
        for index, test in enumerate(tests):
            assert set(test) <= {"attempt_1", "attempt_2"}
            for attempt in test.values():
                assert set(attempt) == {"answer", "metadata", "correct"}
                assert set(attempt["metadata"]) == ATTEMPT
                assert attempt["metadata"]["pair_index"] == index
                assert attempt["metadata"]["start_timestamp"] <= attempt["metadata"]["end_timestamp"]
    costs = [attempt["metadata"]["cost"]["total_cost"] for attempt in files[0][0].values()]
    assert costs == [0.25, 0.25]
    assert files[2] == [{"attempt_1": files[2][0]["attempt_1"]}]
    assert files[2][0]["attempt_1"]["answer"] == []


# --- Page and command


def test_the_page_shows_what_would_be_filled_in_and_leads_to_the_download(client: Client, run: Experiment) -> None:
    text = client.get(f"/experiments/{run.pk}/export/?row=0:echo&format=csv2020").content.decode()
    address = text.split('class="btn btn-primary" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "format=csv2020" in address
    assert client.get(address).status_code == 200
    assert "tasks without an answer" in text
    wrong = client.get(f"/experiments/{run.pk}/export/?row=9:echo")
    assert wrong.status_code == 422
    assert "no such row" in wrong.content.decode()
    assert f"/experiments/{run.pk}/export/?run=1" in client.get(f"/experiments/{run.pk}/").content.decode()


def test_what_was_not_started_has_nothing_to_export(client: Client, make: Make, tasks: list[ArcTask]) -> None:
    made = make(start=False)
    assert client.get(f"/experiments/{made.pk}/export/").status_code == 409
    assert client.get(f"{ROOT}/{made.pk}/export?format=submission").status_code == 409


def test_the_command_writes_each_form(run: Experiment, tmp_path: Path) -> None:
    said = StringIO()
    options = {"strategy": "echo", "seed": 0, "stdout": said}
    call_command("export_submission", run.pk, str(tmp_path / "s.json"), **options)
    assert list(json.loads((tmp_path / "s.json").read_text())) == ["a", "b", "c"]
    assert "3 tasks by echo seed 0; filled in 1 task without an answer, 1 test output in all." in said.getvalue()
    call_command("export_submission", run.pk, str(tmp_path / "s.csv"), format="csv2020", **options)
    assert (tmp_path / "s.csv").read_text().startswith("output_id,output\na_0,")
    call_command("export_submission", run.pk, str(tmp_path / "folder"), format="harness", **options)
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["a.json", "b.json", "c.json"]
    call_command("export_submission", run.pk, str(tmp_path / "f.zip"), format="harness", **options)
    assert zipfile.ZipFile(tmp_path / "f.zip").namelist() == ["a.json", "b.json", "c.json"]
    for wrong in ({"experiment": "exp_none"}, {"experiment": run.pk}):
        with pytest.raises(CommandError):
            call_command("export_submission", wrong["experiment"], str(tmp_path / "x"), stdout=StringIO())
