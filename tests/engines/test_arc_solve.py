"""The benchmark command: any folder, the promised JSON, the same answers with one worker and two, nothing leaked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apps.experiments.engine import registry
from apps.experiments.engine.strategy import Prediction, Solution, StrategyConfig
from apps.tasks.engine import formats
from apps.tasks.engine.puzzle import Puzzle
from bench import arc_solve

pytestmark = pytest.mark.usefixtures("prepared")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tasks = {task.raw_id: task for task in formats.load_canonical("arc1/training")}
    for number, raw_id in enumerate(("007bbfb7", "3c9b0459", "25ff71a9", "1cf80156")):
        data: dict[str, Any] = {**formats.task_to_json(tasks[raw_id]), "name": "x"}
        (tmp_path / f"task {number}.json").write_text(json.dumps(data), "utf-8")
    return tmp_path


def run(folder: Path, *more: str) -> dict[str, Any]:
    arguments = ["--tasks", str(folder), "--seconds", "0.1", *more]
    return arc_solve.run(arc_solve.parser().parse_args(arguments))


def test_a_folder_is_solved_alike_with_one_worker_and_two(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = run(folder), run(folder, "--workers", "2")
    assert sorted(one["tasks"]) == [f"task {number}" for number in range(4)]
    assert one["macro"] == two["macro"] >= 0.75
    for key, value in one["tasks"].items():
        assert value["attempts"] == two["tasks"][key]["attempts"]
        assert value["core_seconds"] > 0
        assert 0 <= value["confidence"] <= 1
        assert len(value["hits"]) == len(value["attempts"]) >= 1
    assert {"strategy", "version", "seconds", "seed", "macro", "micro", "strict", "core_seconds", "tasks"} <= set(one)
    assert one["core_seconds"] >= sum(value["core_seconds"] for value in one["tasks"].values())
    arc_solve.report(one, "")
    assert "macro" in capsys.readouterr().out


class Peeping:
    """A strategy that fails on what it must not see, and crashes on demand."""

    name, version, title, summary, Config = "peeping", "1", "", "", StrategyConfig

    def warm(self) -> None:
        """Nothing to load."""

    def solve(self, puzzle: Puzzle, **_: Any) -> Solution:
        """The first demonstration's output for every test input."""
        assert set(vars(puzzle)) == {"key", "train", "test_inputs"}
        if puzzle.key.endswith("3"):
            raise MemoryError("on demand")
        return Solution(tuple((Prediction(puzzle.train[0][1], 0.5),) for _ in puzzle.test_inputs), 1)


def test_a_crash_costs_one_task_and_the_solver_gets_no_output(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._loaded, "peeping", Peeping())
    monkeypatch.setitem(registry._PATHS, "peeping", "nowhere:Peeping")
    result = run(folder, "--strategy", "peeping")
    errors = {key: value["error"] for key, value in result["tasks"].items() if value["error"]}
    assert errors == {"task 3": "MemoryError: on demand"}
    assert result["tasks"]["task 3"]["hits"] == [False]


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="arc2/clean"):
        arc_solve.load_tasks("nowhere/at/all")
