"""Tiny models and data sets, made once: transformers and peft take seconds to load."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from apps.training.engine.base_models import make_base_model
from apps.training.engine.run import Run, train
from apps.training.engine.voice import Ended, Memory

QUICK = {
    "num_epochs": 1, "batch_size": 2, "gradient_accumulation_steps": 1, "max_seq_length": 128, "warmup_steps": 0,
    "optimizer": "adamw", "logging_steps": 1, "learning_rate": 1e-3, "lr_scheduler_type": "constant", "save_steps": 1000,
}  # fmt: skip
"""Eight examples are four steps."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Sums are added up in one order, and a busy machine is not made busier."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 0.2 million parameters with its tokenizer."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    make_base_model(folder, "llama-200k", seed=1)
    return folder


def rows(count: int, *, text: str = "mirror") -> list[dict[str, str]]:
    return [
        {
            "instruction": text,
            "input": f"{n % 10}{n * 3 % 10}{n * 7 % 10}",
            "output": f"{n * 7 % 10}{n * 3 % 10}{n % 10}",
        }
        for n in range(count)
    ]


def write_rows(path: Path, examples: list[dict[str, str]]) -> Path:
    path.write_text("\n".join(json.dumps(example) for example in examples))
    return path


class Lab:
    """Runs over a few examples, each with the words it said."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder, self.base = folder, base
        self.data = write_rows(folder / "train.jsonl", rows(8))
        self.held_out = write_rows(folder / "eval.jsonl", rows(4))
        self.evaluates = False
        self.count = 0

    def arguments(self, recipe: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """What a run is given; hyperparameters are the quick ones unless said otherwise."""
        self.count += 1
        recipe = {"method": "lora", **recipe, "hyperparameters": {**QUICK, **recipe.get("hyperparameters", {})}}
        recipe["options"] = {"samples": 0, **recipe.get("options", {})}
        source = {"size": "llama-200k"} if recipe["method"] == "scratch" else {"folder": str(self.base)}
        return {
            "recipe": recipe,
            "model": source,
            "data": {"train": str(self.data), "eval": str(self.held_out) if self.evaluates else None},
            "store": str(self.folder / "store"),
            "scratch": str(self.folder / f"run-{self.count}"),
            "checkpoints": [],
            **more,
        }

    def train(self, recipe: Mapping[str, Any], *, asks: Mapping[int, str] | None = None, **more: Any) -> Trained:
        """Train to the end, or until it is asked to stop."""
        voice = Memory(asks)
        try:
            result = train(self.arguments(recipe, **more), voice)
        except Ended:
            return Trained(voice, {})
        return Trained(voice, result)

    def loaded(self, recipe: Mapping[str, Any]) -> Run:
        """A run whose model and rows are there, and which has not begun."""
        run = Run(self.arguments(recipe), Memory())
        run.begin()
        return run


class Trained:
    """What a run said and what came out."""

    def __init__(self, voice: Memory, result: dict[str, Any]) -> None:
        self.voice, self.result = voice, result

    def curve(self, key: str = "train_loss") -> dict[int, float]:
        return self.voice.curve(key)

    def steps_kept(self) -> list[int]:
        return [kept["step"] for kept in self.voice.checkpoints]

    def lines(self) -> list[str]:
        return [said["message"] for kind, said in self.voice.said if kind == "log"]


@pytest.fixture
def lab(tmp_path: Path, base: Path) -> Lab:
    return Lab(tmp_path, base)


@pytest.fixture
def with_evaluation(lab: Lab) -> Lab:
    lab.evaluates = True
    return lab


Losses = Callable[..., dict[int, float]]


@pytest.fixture
def losses(lab: Lab) -> Losses:
    """The loss of a run by step, by its hyperparameters."""

    def run(**hyperparameters: Any) -> dict[int, float]:
        return lab.train({"hyperparameters": hyperparameters}).curve()

    return run
