"""Each way of failing has a code, names what is wrong, and says what to do."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from apps.training.engine import checkpoints, failures
from apps.training.engine.token_files import NothingToLearn
from apps.training.engine.trainer import RunTrainer
from tests.engines.training.conftest import Lab


def fails(lab: Lab, kind: type[Exception], recipe: dict[str, Any], **more: Any) -> str:
    with pytest.raises(kind) as caught:
        lab.train(recipe, **more)
    return str(caught.value)


def test_an_unknown_target_module_is_told_with_the_near_names(lab: Lab) -> None:
    said = fails(lab, failures.UnknownModule, {"lora_config": {"target_modules": ["q_prj", "v_proj"]}})
    assert "'q_prj' (did you mean q_proj" in said
    assert "down_proj" in said


def test_a_model_that_is_not_there_is_told_with_what_to_do(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no config.json" in fails(lab, failures.NoSuchModel, {}, model={"folder": str(tmp_path / "empty")})
    said = fails(lab, failures.NoSuchModel, {}, model={"hub": "nobody/nothing-of-that-name"})
    assert "nobody/nothing-of-that-name" in said
    assert "make_base_model" in said


def test_weights_that_can_run_code_are_refused(lab: Lab, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "config.json").write_bytes((lab.base / "config.json").read_bytes())
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (old / name).write_bytes((lab.base / name).read_bytes())
    (old / "pytorch_model.bin").write_bytes(b"x")
    assert "safetensors" in fails(lab, failures.UnsafeModel, {}, model={"folder": str(old)})


def test_a_loss_that_is_no_number_stops_the_run_with_its_step(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    step = RunTrainer.training_step

    def poisoned(self: RunTrainer, *args: Any, **more: Any) -> Any:
        loss = step(self, *args, **more)
        return loss * float("nan") if self.state.global_step == 2 else loss

    monkeypatch.setattr(RunTrainer, "training_step", poisoned)
    said = fails(lab, failures.NotFinite, {"hyperparameters": {"save_steps": 1}})
    assert "nan at step 3" in said
    assert "checkpoint of step 2 is whole" in said
    assert "learning_rate" in said


@pytest.mark.parametrize(("fitting", "remedy"), [(2, "batch_size of 2 fits"), (0, "Nor does a single row")])
def test_out_of_memory_names_the_batch_size_that_fits(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, fitting: int, remedy: str
) -> None:
    step = RunTrainer.training_step

    def short(self: RunTrainer, model: Any, inputs: dict[str, Any], *args: Any, **more: Any) -> Any:
        if len(inputs["input_ids"]) > fitting:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")
        return step(self, model, inputs, *args, **more)

    monkeypatch.setattr(RunTrainer, "training_step", short)
    said = fails(lab, failures.OutOfMemory, {"hyperparameters": {"batch_size": 8}})
    assert "A batch of 8" in said
    assert remedy in said
    if fitting:
        assert "gradient_accumulation_steps 4" in said, "each step learns from as many examples as before"


def test_a_full_disk_is_told_and_what_was_kept_stays(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = checkpoints.keep
    kept: list[tuple[str, int]] = []

    def full(store: Any, folder: Path) -> tuple[str, int]:
        if kept:
            raise OSError(errno.ENOSPC, "No space left on device")
        kept.append(keep(store, folder))
        return kept[-1]

    monkeypatch.setattr(checkpoints, "keep", full)
    assert "step 2" in fails(lab, failures.DiskFull, {"hyperparameters": {"save_steps": 1}})


def test_a_data_set_with_nothing_to_learn_is_told(lab: Lab) -> None:
    lab.data.write_text('{"instruction": "%s", "input": "", "output": "1"}' % ("7" * 500))
    assert "Raise max_seq_length" in fails(lab, NothingToLearn, {})
