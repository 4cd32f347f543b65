"""The base model of a run, as its method wants it: quantised or not, with an adapter or all of it to be trained.

Weights are read from safetensors only, since the older form runs code when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.training.engine import base_models, failures
from apps.training.engine.config import Recipe
from apps.training.engine.rendering import ensure_template
from apps.training.engine.tokenizer import make_tokenizer

Source = Mapping[str, Any]
"""Where a base model is: `folder`, or `hub` with an id, or `size` to make one of; with `adapter`, a folder to merge first."""


def device_of() -> str:
    """The accelerator of this process, or the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def precision_of(recipe: Recipe, device: str) -> str:
    """fp32, bf16 or fp16."""
    import torch

    if recipe.options.precision != "auto":
        return recipe.options.precision
    return "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def load_tokenizer(source: Source, texts: list[str], *, kept: Path | None = None) -> Any:
    """The tokenizer of the base model; one made from these texts where the model is made too."""
    from transformers import AutoTokenizer

    if kept is not None and (kept / "tokenizer.json").exists():
        return AutoTokenizer.from_pretrained(kept, local_files_only=True)
    if "size" in source:
        return make_tokenizer(texts, vocabulary=int(source.get("vocabulary", 512)))
    try:
        tokenizer = AutoTokenizer.from_pretrained(_place(source), **_only_here(source))
    except (OSError, ValueError) as error:
        raise _no_such_model(source, error) from None
    ensure_template(tokenizer)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(source: Source, recipe: Recipe, tokenizer: Any, *, device: str) -> Any:
    """The model to train. `set_seed` comes before adapters are made, or the same seed would not make the same ones."""
    from transformers import set_seed

    if "size" in source:
        return base_models.make_model(str(source["size"]), tokenizer, seed=recipe.options.seed)
    model = _pretrained(source, recipe, device)
    if source.get("adapter"):
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, source["adapter"]).merge_and_unload()
    set_seed(recipe.options.seed)
    return _with_adapter(model, recipe) if recipe.has_adapter else model


def _pretrained(source: Source, recipe: Recipe, device: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    more: dict[str, Any] = {}
    if recipe.quantization.any:
        quantised = recipe.quantization
        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=quantised.load_in_4bit,
            load_in_8bit=quantised.load_in_8bit,
            bnb_4bit_compute_dtype=getattr(torch, quantised.bnb_4bit_compute_dtype),
            bnb_4bit_quant_type=quantised.bnb_4bit_quant_type,
        )
        more["device_map"] = {"": 0 if device == "cuda" else "cpu"}
    weights = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    held = weights[precision_of(recipe, device)] if recipe.has_adapter and device == "cuda" else torch.float32
    try:
        model = AutoModelForCausalLM.from_pretrained(
            _place(source), dtype=held, use_safetensors=True, **_only_here(source), **more
        )
    except (OSError, ValueError) as error:
        raise _no_such_model(source, error) from None
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # Else the first evaluation repacks 4-bit weights for another kernel for good: training after it would
            # compute otherwise than a run that goes on from a checkpoint, which has them as they were.
            module.support_avx512bf16_for_cpu = False
    return model


def _with_adapter(model: Any, recipe: Recipe) -> Any:
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    lora = recipe.lora_config
    everything = lora.target_modules == ["all-linear"]
    if not everything:
        unknown = failures.unknown_modules(lora.target_modules, module_names(model))
        if unknown is not None:
            raise unknown
    if recipe.quantization.any:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=recipe.options.gradient_checkpointing)
    elif recipe.options.gradient_checkpointing:
        model.enable_input_require_grads()
    return get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=lora.r,
            lora_alpha=lora.lora_alpha,
            lora_dropout=lora.lora_dropout,
            target_modules="all-linear" if everything else lora.target_modules,
            use_rslora=lora.use_rslora,
        ),
    )


def module_names(model: Any) -> set[str]:
    """The last names of the modules an adapter can stand at: those with weights of two dimensions."""
    return {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if name and getattr(getattr(module, "weight", None), "ndim", 0) == 2
    }


def trainable(model: Any) -> tuple[int, int]:
    """Parameters that are trained, and all of them."""
    of_each = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, learns in of_each if learns), sum(size for size, _ in of_each)


def _place(source: Source) -> str:
    place = str(source.get("folder") or source.get("hub") or "")
    if source.get("folder"):
        _refuse_pickles(Path(place))
    return place


def _only_here(source: Source) -> dict[str, Any]:
    return {"local_files_only": True} if source.get("folder") else {}


def _refuse_pickles(folder: Path) -> None:
    if not (folder / "config.json").exists():
        raise failures.NoSuchModel(
            f"{folder.name} holds no model: there is no config.json. Choose a registered model, a folder, or an id of a hub."
        )
    old = sorted(file.name for file in folder.glob("*.bin")) + sorted(file.name for file in folder.glob("*.pt"))
    if old and not list(folder.glob("*.safetensors")):
        raise failures.UnsafeModel(
            f"{folder.name} has its weights in {old[0]}, a form that can run code when it is read. "
            "Save it as safetensors (save_pretrained does), then use that."
        )


def _no_such_model(source: Source, error: Exception) -> failures.NoSuchModel:
    name = str(source.get("name") or source.get("hub") or source.get("folder"))
    reason = " ".join(str(error).split())[:300]
    return failures.NoSuchModel(
        f"The base model {name!r} cannot be loaded ({reason}). Make one with manage.py make_base_model, register a "
        "folder, or check the id and that the hub can be reached from the worker."
    )
