"""The fields of a recipe have the published bounds and defaults, and what contradicts itself is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from apps.training.engine.base_models import SIZES, UnknownSize, make_model, parameters, size_of
from apps.training.engine.config import PRESETS, LoRAConfig, QuantizationConfig, Recipe, TrainingHyperparameters
from apps.training.engine.tokenizer import make_tokenizer

BOUNDS: list[tuple[type[Any], str, list[Any], list[Any]]] = [
    (TrainingHyperparameters, "learning_rate", [1e-9, 1e-2], [0, 0.011]),
    (TrainingHyperparameters, "num_epochs", [1, 100], [0, 101]),
    (TrainingHyperparameters, "batch_size", [1, 128], [0, 129]),
    (TrainingHyperparameters, "gradient_accumulation_steps", [1, 256], [0, 257]),
    (TrainingHyperparameters, "max_seq_length", [128, 32768], [127, 32769]),
    (TrainingHyperparameters, "warmup_steps", [0, 10**6], [-1]),
    (TrainingHyperparameters, "weight_decay", [0, 1], [-0.1, 1.1]),
    (TrainingHyperparameters, "max_grad_norm", [0.01], [0, float("inf")]),
    (TrainingHyperparameters, "optimizer", ["adamw", "adamw_8bit", "sgd"], ["adam"]),
    (TrainingHyperparameters, "lr_scheduler_type", ["linear", "cosine", "constant"], ["step"]),
    (TrainingHyperparameters, "logging_steps", [1], [0]),
    (TrainingHyperparameters, "eval_steps", [None, 1], [0]),
    (TrainingHyperparameters, "save_steps", [None, 1], [0]),
    (TrainingHyperparameters, "save_total_limit", [None, 1], [0]),
    (LoRAConfig, "r", [1, 256], [0, 257]),
    (LoRAConfig, "lora_alpha", [1, 256], [0, 257]),
    (LoRAConfig, "lora_dropout", [0.0, 0.5], [-0.1, 0.51]),
    (LoRAConfig, "target_modules", [["q_proj"]], [[], [" "]]),
    (QuantizationConfig, "bnb_4bit_compute_dtype", ["float16", "bfloat16", "float32"], ["int8"]),
    (QuantizationConfig, "bnb_4bit_quant_type", ["nf4", "fp4"], ["int4"]),
]


@pytest.mark.parametrize(("model", "name", "good", "bad"), BOUNDS, ids=[f"{m.__name__}.{n}" for m, n, _, _ in BOUNDS])
def test_each_field_has_its_bounds(model: type[Any], name: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert getattr(model(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(ValidationError) as caught:
            model(**{name: value})
        assert name in str(caught.value)


def test_the_defaults_are_the_published_ones() -> None:
    assert TrainingHyperparameters().model_dump() == {
        "learning_rate": 2e-4, "num_epochs": 3, "batch_size": 2, "gradient_accumulation_steps": 4,
        "max_seq_length": 2048, "warmup_steps": 10, "weight_decay": 0.01, "max_grad_norm": 1.0,
        "optimizer": "adamw_8bit", "lr_scheduler_type": "linear", "logging_steps": 10, "eval_steps": None,
        "save_steps": None, "save_total_limit": 3,
    }  # fmt: skip
    assert LoRAConfig().model_dump() == {
        "r": 16, "lora_alpha": 16, "lora_dropout": 0.0, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
        "use_rslora": False,
    }  # fmt: skip
    assert QuantizationConfig().model_dump() == {
        "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_type": "nf4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "method", "quantised"),
    [
        ({}, "qlora", True),
        ({"quantization": {"load_in_4bit": False}}, "lora", False),
        ({"quantization": {"load_in_4bit": False, "load_in_8bit": True}}, "qlora", True),
        ({"method": "lora"}, "lora", False),
        ({"method": "full"}, "full", False),
        ({"method": "qlora", "quantization": {"load_in_8bit": True}}, "qlora", True),
    ],
)
def test_method_and_quantisation_follow_from_each_other(said: dict[str, Any], method: str, quantised: bool) -> None:
    recipe = Recipe.model_validate(said)
    assert (recipe.method, recipe.quantization.any) == (method, quantised)
    assert Recipe.model_validate(recipe.model_dump()) == recipe


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"method": "full", "quantization": {"load_in_4bit": True}}, "trains every weight"),
        ({"method": "lora", "quantization": {"load_in_4bit": True}}, "choose qlora"),
        ({"method": "qlora", "quantization": {"load_in_4bit": False}}, "needs load_in_4bit"),
        ({"quantization": {"load_in_4bit": True, "load_in_8bit": True}}, "not both"),
        ({"method": "lora", "hyperparameters": {"learningrate": 1}}, "learningrate"),
    ],
)
def test_a_contradiction_is_refused_with_the_way_out(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Recipe.model_validate(said)


def test_every_preset_is_a_recipe() -> None:
    for title, said in PRESETS.values():
        assert title
        assert Recipe.model_validate(said).method == said["method"]


def test_sizes_reach_from_a_laptop_to_a_gpu_and_are_counted_as_made() -> None:
    counts = {name: parameters(name, 512) for name in SIZES}
    assert list(counts.values()) == sorted(counts.values())
    assert counts["llama-200k"] < 250_000
    assert 60e6 < counts["llama-75m"] < 90e6
    assert counts["llama-1b"] > 1e9
    assert all(size.width % size.heads == 0 == size.heads % size.key_heads for size in SIZES.values())
    for size in SIZES.values():  # or weights in 4 bits could not be used on a CPU
        assert size.width % 32 == size.inner % 32 == size.width // size.heads * size.key_heads % 32 == 0
    tokenizer = make_tokenizer()
    for name in ("llama-200k", "llama-1m"):
        assert make_model(name, tokenizer, seed=0).num_parameters() == parameters(name, len(tokenizer))
    with pytest.raises(UnknownSize, match="llama-200k"):
        size_of("llama-2k")
