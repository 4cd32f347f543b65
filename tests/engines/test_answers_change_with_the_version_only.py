"""An answer that changes without a new version of its strategy is found here, and cannot be written over."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from apps.experiments.engine.synthesis.strategy import STEPS_PER_CORE_SECOND, ProgramSynthesis
from bench import engine_golden

GOLDEN = engine_golden.read()
CASES = [(run, key) for run, answers in GOLDEN["runs"].items() for key in answers]
RENEW = "Give ProgramSynthesis a new version, then: python -m bench.engine_golden --renew"


def test_the_golden_file_is_of_this_version_and_holds_a_hundred_tasks() -> None:
    assert GOLDEN["version"] == ProgramSynthesis.version, RENEW
    assert GOLDEN["steps"] == int(engine_golden.CORE_SECONDS * STEPS_PER_CORE_SECOND), RENEW
    kept = {run: list(answers) for run, answers in GOLDEN["runs"].items()}
    assert kept == {run: list(engine_golden.tasks_of(run)) for run in engine_golden.RUNS}
    assert len(kept["as it comes"]) == 100


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(("run", "key"), CASES)
def test_an_answer_is_that_of_the_golden_file(run: str, key: str) -> None:
    now = engine_golden.answered(ProgramSynthesis(), engine_golden.tasks_of(run)[key], run)
    assert now == GOLDEN["runs"][run][key], RENEW


@pytest.fixture
def changed() -> dict[str, Any]:
    """What would be written if one answer had changed."""
    now = copy.deepcopy(GOLDEN)
    now["runs"]["as it comes"]["007bbfb7"]["attempts"][0][0][0] = "0"
    return now


def renew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Exit status of the command where the solver answers `now`, and what the file holds after it."""
    file = tmp_path / "golden.json"
    file.write_text(json.dumps(GOLDEN), "utf-8")
    monkeypatch.setattr(engine_golden, "FILE", file)
    monkeypatch.setattr(engine_golden, "solved_now", lambda _: now)
    monkeypatch.setattr(ProgramSynthesis, "warm", lambda _: None)
    monkeypatch.setattr("sys.argv", ["engine_golden", "--renew"])
    return engine_golden.main(), json.loads(file.read_text("utf-8"))


def test_other_answers_of_the_same_version_are_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert renew(monkeypatch, tmp_path, changed) == (1, GOLDEN)
    said = capsys.readouterr().err
    assert "1 of the answers are not those kept for version 1.0" in said
    assert "007bbfb7 (as it comes)" in said
    assert "new version" in said


def test_other_answers_of_a_new_version_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, Any]
) -> None:
    changed["version"] = "another"
    assert renew(monkeypatch, tmp_path, changed) == (0, changed)
