"""Killed, paused or moved: the curve of a run that went on equals the undisturbed one, point by point, exactly."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from apps.core.engine.artefacts import Store
from apps.core.engine.folders import read_folder
from apps.training.engine.checkpoints import removable
from apps.training.engine.run import train
from apps.training.engine.voice import Memory
from tests.engines.training.conftest import Lab

POINTS = ("train_loss", "learning_rate", "grad_norm", "eval_loss", "tokens_seen")
RECIPE: dict[str, Any] = {
    "hyperparameters": {
        "num_epochs": 3, "gradient_accumulation_steps": 2, "batch_size": 1, "warmup_steps": 3, "logging_steps": 2,
        "save_steps": 3, "eval_steps": 4, "lr_scheduler_type": "cosine",
    },
    "lora_config": {"lora_dropout": 0.1},
}  # fmt: skip
"""Twelve steps; windows, evaluations and checkpoints fall together nowhere."""


class Mortal(Memory):
    """Writes down what it hears, and dies at a step without a word."""

    def __init__(self, file: Path, step: int) -> None:
        super().__init__()
        self._file, self._step = file, step

    def asked(self, *, wait: float = 0.0) -> str:
        if super().asked() == "" and self._calls == self._step:
            self._file.write_text(json.dumps([self.said, self.checkpoints]))
            os.kill(os.getpid(), signal.SIGKILL)
        return ""


def killed_at(step: int, arguments: dict[str, Any], file: Path) -> Memory:
    """Train in a process of its own that is killed at a step; what it had said until then."""
    pid = os.fork()
    if pid == 0:
        try:
            train(arguments, Mortal(file, step))
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    heard = Memory()
    said, heard.checkpoints = json.loads(file.read_text())
    heard.said = [(kind, payload) for kind, payload in said]
    return heard


def together(*parts: Memory) -> dict[str, dict[int, float]]:
    """The curves of a run in parts: what is said again replaces what was said."""
    return {key: {step: value for part in parts for step, value in part.curve(key).items()} for key in POINTS}


def weights(lab: Lab, result: dict[str, Any]) -> dict[str, str]:
    files = read_folder(Store(lab.folder / "store"), result["model"]["sha256"]).files
    return {name: str(file.sha256) for name, file in files.items() if name.endswith(".safetensors")}


@pytest.mark.parametrize(
    "more",
    [
        {
            "method": "scratch",
            "hyperparameters": {**RECIPE["hyperparameters"], "num_epochs": 12},
            "options": {"packing": True},
        },
        {"method": "lora", "options": {"group_by_length": True}},
        {"method": "qlora", "hyperparameters": {**RECIPE["hyperparameters"], "optimizer": "adamw_8bit"}},
    ],
    ids=lambda more: more["method"],
)
def test_killed_at_a_step_and_resumed_the_curve_is_the_same(with_evaluation: Lab, more: dict[str, Any]) -> None:
    lab = with_evaluation
    recipe = {**RECIPE, **more}
    undisturbed = lab.train(recipe)
    arguments = lab.arguments(recipe)
    steps = undisturbed.result["steps"]
    first = killed_at(steps - 1, arguments, lab.folder / "heard")
    assert first.checkpoints[-1]["step"] < steps - 1
    second = Memory()
    result = train({**arguments, "checkpoints": first.known()}, second)
    assert together(first, second) == together(undisturbed.voice)
    assert weights(lab, result) == weights(lab, undisturbed.result), "the same bytes"


def test_paused_within_a_window_and_resumed_elsewhere_no_point_differs(with_evaluation: Lab) -> None:
    lab = with_evaluation
    undisturbed = lab.train(RECIPE)
    first = lab.train(RECIPE, asks={7: "pause"})
    assert first.steps_kept()[-1] == 7
    second = lab.train(RECIPE, checkpoints=first.voice.known())  # another scratch folder: another worker
    assert together(first.voice, second.voice) == together(undisturbed.voice)
    assert not set(first.curve()) & set(second.curve()), "no step twice"


def test_paused_at_the_end_of_an_epoch_no_point_differs(with_evaluation: Lab) -> None:
    undisturbed = with_evaluation.train(RECIPE)
    first = with_evaluation.train(RECIPE, asks={4: "release"})
    second = with_evaluation.train(RECIPE, checkpoints=first.voice.known())
    assert together(first.voice, second.voice) == together(undisturbed.voice)


def damage(lab: Lab, sha256: str) -> None:
    """Change a byte of the largest file of a checkpoint."""
    store = Store(lab.folder / "store")
    largest = max(read_folder(store, sha256).files.values(), key=lambda file: file.size)
    path = store.path(largest.sha256)
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_checkpoint_is_found_and_the_one_before_it_used(lab: Lab) -> None:
    undisturbed = lab.train(RECIPE)
    first = lab.train(RECIPE, asks={10: "pause"})
    assert first.steps_kept() == [3, 6, 9, 10]
    damage(lab, first.voice.known()[0][0])
    second = lab.train(RECIPE, checkpoints=first.voice.known())
    assert any("step 10 is damaged" in line for line in second.lines())
    assert any("Going on from the checkpoint of step 9" in line for line in second.lines())
    assert together(first.voice, second.voice) == together(undisturbed.voice)


def test_without_a_whole_checkpoint_the_run_begins_anew_and_says_so(lab: Lab) -> None:
    first = lab.train(RECIPE, asks={4: "pause"})
    second = lab.train(RECIPE, checkpoints=[("0" * 64, 4)])
    assert any("begins anew" in line for line in second.lines())
    assert second.curve()[2] == first.curve()[2]


def test_cancel_ends_at_once_and_stop_early_keeps_what_there_is(with_evaluation: Lab) -> None:
    lab = with_evaluation
    cancelled = lab.train(RECIPE, asks={5: "cancel"})
    assert (cancelled.result, cancelled.steps_kept()) == ({}, [3, 4])
    stopped = lab.train(RECIPE, asks={5: "stop_early"})
    assert (stopped.result["ended"], stopped.result["steps"]) == ("stop_early", 5)
    assert max(stopped.curve("eval_loss")) == 5
    assert stopped.result["model"]["size_bytes"] > 0


@pytest.mark.parametrize(
    ("steps", "limit", "best", "gone"),
    [
        ([1, 2, 3, 4], 2, None, [1, 2]),
        ([1, 2, 3, 4], 2, 1, [2, 3]),
        ([1, 2, 3, 4], 1, 2, [1, 3]),
        ([1, 2, 3, 4], 1, 4, [1, 2, 3]),
        ([1, 2, 3, 4], None, 2, []),
        ([1, 2], 3, None, []),
        ([2, 3], 1, 1, [2]),
        ([], 1, 1, []),
    ],
)
def test_never_the_best_nor_the_last_checkpoint_goes(
    steps: list[int], limit: int | None, best: int | None, gone: list[int]
) -> None:
    assert removable(steps, limit=limit, best=best) == gone
