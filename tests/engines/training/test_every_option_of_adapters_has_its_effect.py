"""LoRA, quantisation and our own options do what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from apps.core.engine.artefacts import Store
from apps.core.engine.folders import read_folder
from tests.engines.training.conftest import Lab, rows, write_rows


def adapter(lab: Lab, **lora: Any) -> Any:
    """The layer that LoRA put around one projection."""
    return lab.loaded({"lora_config": lora}).model.base_model.model.model.layers[0].self_attn.q_proj


def test_r_is_the_rank(lab: Lab) -> None:
    assert adapter(lab, r=3).lora_A["default"].weight.shape[0] == 3


def test_lora_alpha_and_rslora_are_how_strongly_the_adapter_acts(lab: Lab) -> None:
    assert adapter(lab, r=4, lora_alpha=8).scaling["default"] == 2.0
    assert adapter(lab, r=4, lora_alpha=8, use_rslora=True).scaling["default"] == 4.0


def test_lora_dropout_leaves_inputs_out(lab: Lab) -> None:
    assert adapter(lab, lora_dropout=0.25).lora_dropout["default"].p == 0.25
    plain = lab.train({"lora_config": {"lora_dropout": 0.0}}).curve()
    assert lab.train({"lora_config": {"lora_dropout": 0.5}}).curve() != plain


def test_target_modules_is_where_adapters_stand(lab: Lab) -> None:
    run = lab.loaded({"lora_config": {"target_modules": ["v_proj", "down_proj"]}})
    standing = {
        name.split(".lora_A")[0].rsplit(".", 1)[-1] for name, _ in run.model.named_parameters() if "lora_A" in name
    }
    assert standing == {"v_proj", "down_proj"}
    everywhere = lab.loaded({"lora_config": {"target_modules": ["all-linear"]}})
    layers = everywhere.model.config.num_hidden_layers
    assert sum("lora_A" in name for name, _ in everywhere.model.named_parameters()) == 7 * layers


def quantised(lab: Lab, **quantization: Any) -> Any:
    run = lab.loaded({"method": "qlora", "quantization": quantization})
    return run.model.base_model.model.model.layers[0].self_attn.q_proj.base_layer


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_load_in_4bit_holds_weights_in_the_chosen_type_and_computes_in_the_chosen_one(
    lab: Lab, kind: str, dtype: str
) -> None:
    layer = quantised(lab, load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_compute_dtype=dtype)
    assert layer.weight.dtype == torch.uint8
    assert layer.weight.quant_state.quant_type == kind
    assert layer.compute_dtype == getattr(torch, dtype)


def test_load_in_8bit_holds_weights_in_8_bits(lab: Lab) -> None:
    assert quantised(lab, load_in_8bit=True).weight.dtype == torch.int8


def test_a_quantised_base_learns_through_its_adapter(lab: Lab) -> None:
    curve = lab.train({"method": "qlora", "hyperparameters": {"num_epochs": 6, "learning_rate": 1e-2}}).curve()
    assert curve[24] < curve[1]


def files_of(lab: Lab, result: dict[str, Any]) -> set[str]:
    return set(read_folder(Store(lab.folder / "store"), result["model"]["sha256"]).files)


def test_each_method_trains_and_keeps_what_it_says(lab: Lab) -> None:
    lora = lab.train({"method": "lora"}).result
    full = lab.train({"method": "full"}).result
    scratch = lab.train({"method": "scratch"}).result
    assert "adapter_model.safetensors" in files_of(lab, lora)
    assert {"model.safetensors", "tokenizer.json"} <= files_of(lab, full) & files_of(lab, scratch)
    assert not any(name.endswith((".bin", ".pt", ".pth")) for name in files_of(lab, lora) | files_of(lab, full))
    assert lora["trained_parameters"] < full["trained_parameters"] == full["parameters"]


def test_the_seed_decides_the_order_and_the_adapter(lab: Lab) -> None:
    first = lab.train({"options": {"seed": 1}}).curve()
    assert lab.train({"options": {"seed": 1}}).curve() == first
    assert lab.train({"options": {"seed": 2}}).curve() != first


def test_packing_fills_rows_and_teaches_the_same(lab: Lab) -> None:
    apart = lab.train({"method": "full", "hyperparameters": {"batch_size": 8}})
    packed = lab.train({"method": "full", "hyperparameters": {"batch_size": 8}, "options": {"packing": True}})
    assert packed.result["tokens"] == apart.result["tokens"]
    assert packed.curve()[1] == pytest.approx(apart.curve()[1], rel=1e-5), "no example sees another"
    assert any("8 examples" in line and "2 rows" in line for line in packed.lines()), packed.lines()


def test_group_by_length_saves_padding(lab: Lab) -> None:
    write_rows(lab.data, rows(8) + rows(8, text="mirror this long grid of very many digits please" * 2))
    grouped, mixed = (
        lab.loaded({"options": {"group_by_length": on}}).trainer.get_train_dataloader() for on in (True, False)
    )
    assert sum(batch["input_ids"].numel() for batch in grouped) < sum(batch["input_ids"].numel() for batch in mixed)


def test_precision_is_what_is_computed_in(lab: Lab) -> None:
    run = lab.loaded({"options": {"precision": "bf16"}})
    assert run.trainer.accelerator.mixed_precision == "bf16"
    assert lab.loaded({}).trainer.accelerator.mixed_precision == "no"
    exact, coarse = (lab.train({"options": {"precision": how}}).curve()[1] for how in ("fp32", "bf16"))
    assert exact != coarse == pytest.approx(exact, rel=0.02)


def test_gradient_checkpointing_changes_memory_and_not_the_loss(lab: Lab) -> None:
    run = lab.loaded({"method": "full", "options": {"gradient_checkpointing": True}})
    run.trainer.train()
    assert run.model.is_activation_checkpointing
    plain, saved = (lab.train({"options": {"gradient_checkpointing": on}}).curve() for on in (False, True))
    assert saved == pytest.approx(plain, rel=1e-5)


def test_the_best_checkpoint_is_the_model_and_early_stopping_ends_the_run(with_evaluation: Lab) -> None:
    lab = with_evaluation
    write_rows(lab.held_out, [{"instruction": "mirror", "input": "123", "output": "99999"}])  # learning makes it worse
    recipe = {
        "method": "full",
        "hyperparameters": {"num_epochs": 20, "eval_steps": 4, "learning_rate": 1e-2},
        "options": {"early_stopping_patience": 2},
    }
    run = lab.train(recipe)
    curve = run.curve("eval_loss")
    assert run.result["ended"] == "early_stopping"
    assert run.result["steps"] < 80
    assert run.result["eval_loss"] == min(curve.values())
    assert run.result["best_step"] == min(curve, key=lambda step: curve[step])
    assert run.result["best_step"] in run.steps_kept()
    last = lab.train({**recipe, "options": {"early_stopping_patience": 2, "keep_best": False}})
    assert last.result["eval_loss"] == curve[max(curve)]
    assert last.result["model"] != run.result["model"]


def test_a_threshold_is_what_counts_as_better(with_evaluation: Lab) -> None:
    recipe = {
        "hyperparameters": {"num_epochs": 5, "eval_steps": 4},
        "options": {"early_stopping_patience": 1, "early_stopping_threshold": 50.0},
    }
    assert list(with_evaluation.train(recipe).curve("eval_loss")) == [4, 8]


def test_samples_are_told_at_each_evaluation(with_evaluation: Lab) -> None:
    run = with_evaluation.train({"options": {"samples": 3, "sample_tokens": 2}})
    ((_, said),) = [(kind, said) for kind, said in run.voice.said if kind == "samples"]
    assert said["step"] == 4
    assert [sample["expected"] for sample in said["samples"]] == [row["output"] for row in rows(3)]
    assert all(len(sample["written"]) <= 40 for sample in said["samples"])


def test_the_scratch_folder_is_gone_at_the_end(lab: Lab, tmp_path: Path) -> None:
    lab.train({})
    assert not list(tmp_path.glob("run-*"))
