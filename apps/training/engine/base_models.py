"""Models made from nothing: the Llama architecture in sizes from a laptop's to a GPU's, with random weights.

`llama-1m` names one. Sizes are of the whole model with our tokenizer's vocabulary, input and output sharing weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Size:
    """The shape of a model."""

    layers: int
    width: int
    heads: int
    key_heads: int
    inner: int
    context: int = 8192


SIZES: dict[str, Size] = {
    "llama-200k": Size(3, 64, 4, 2, 192),
    "llama-1m": Size(5, 128, 4, 2, 352),
    "llama-3m": Size(6, 192, 6, 3, 512),
    "llama-10m": Size(8, 320, 8, 4, 864),
    "llama-25m": Size(10, 448, 8, 4, 1216),
    "llama-75m": Size(12, 704, 11, 11, 1920, 16384),
    "llama-1b": Size(17, 2048, 32, 8, 8192, 32768),
}


class UnknownSize(LookupError):
    """No size of that name."""


def size_of(name: str) -> Size:
    """The size of that name."""
    if name not in SIZES:
        raise UnknownSize(f"There is no size {name!r} to make a model of; there are {', '.join(SIZES)}.")
    return SIZES[name]


def parameters(name: str, vocabulary: int) -> int:
    """How many parameters a model of that size has, computed from its shape."""
    size = size_of(name)
    head = size.width // size.heads
    attention = size.width * head * (2 * size.heads + 2 * size.key_heads)
    return (
        vocabulary * size.width + size.layers * (attention + 3 * size.width * size.inner + 2 * size.width) + size.width
    )


def make_config(name: str, *, vocabulary: int, pad: int, begin: int, end: int) -> Any:
    """The configuration of transformers for that size."""
    from transformers import LlamaConfig

    size = size_of(name)
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=size.width,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_heads,
        max_position_embeddings=size.context,
        tie_word_embeddings=True,
        pad_token_id=pad,
        bos_token_id=begin,
        eos_token_id=end,
    )


def make_model(name: str, tokenizer: Any, *, seed: int) -> Any:
    """A model with random weights, the same for the same seed."""
    import torch
    from transformers import LlamaForCausalLM, set_seed

    set_seed(seed)
    config = make_config(
        name,
        vocabulary=len(tokenizer),
        pad=tokenizer.pad_token_id,
        begin=tokenizer.bos_token_id,
        end=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config).to(torch.float32)


def make_base_model(folder: str | Path, name: str, *, seed: int = 0, vocabulary: int = 512) -> dict[str, Any]:
    """Write a model of that size and its tokenizer into a folder; what it is, in figures."""
    from apps.training.engine.tokenizer import make_tokenizer

    folder = Path(folder)
    tokenizer = make_tokenizer(vocabulary=vocabulary)
    model = make_model(name, tokenizer, seed=seed)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    made = {"made_from_nothing": name, "seed": seed, "vocabulary": len(tokenizer), "parameters": model.num_parameters()}
    (folder / "made.json").write_text(json.dumps(made, sort_keys=True))
    return made
