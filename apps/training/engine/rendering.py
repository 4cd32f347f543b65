"""From an example to tokens, and which of them are learnt: only what the assistant says.

An example is `{"messages": [...]}`, `{"instruction", "input", "output"}`, or `{"text"}` (all of it is learnt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.training.engine.tokenizer import CHAT_TEMPLATE


class BadExample(ValueError):
    """An example that is none of the shapes there are."""


@dataclass(frozen=True)
class Rendered:
    """The tokens of an example, and of each whether it is learnt."""

    tokens: list[int]
    learnt: list[bool]

    @property
    def is_learnt(self) -> bool:
        """Whether there is anything to learn in it."""
        return any(self.learnt)


@dataclass(frozen=True)
class Span:
    """A stretch of text as the model sees it."""

    text: str
    learnt: bool
    tokens: int


def messages_of(example: Mapping[str, Any]) -> list[dict[str, str]]:
    """An example as a conversation."""
    if isinstance(example.get("messages"), Sequence):
        return [{"role": str(turn["role"]), "content": str(turn["content"])} for turn in example["messages"]]
    if "instruction" in example and "output" in example:
        parts = [str(example["instruction"]), str(example.get("input") or "")]
        asked = "\n\n".join(part for part in parts if part)
        return [{"role": "user", "content": asked}, {"role": "assistant", "content": str(example["output"])}]
    raise BadExample("An example has messages, or instruction and output, or text.")


def render(tokenizer: Any, example: Mapping[str, Any]) -> Rendered:
    """The tokens of an example as training sees them."""
    if "text" in example and "messages" not in example:
        tokens = [*tokenizer(str(example["text"]), add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        return Rendered(tokens, [True] * len(tokens))
    messages = messages_of(example)
    ensure_template(tokenizer)
    if "{% generation" in tokenizer.chat_template or "{%- generation" in tokenizer.chat_template:
        whole = tokenizer.apply_chat_template(
            messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        return Rendered(list(whole["input_ids"]), [bool(mark) for mark in whole["assistant_masks"]])
    return _by_prefixes(tokenizer, messages)


def _by_prefixes(tokenizer: Any, messages: list[dict[str, str]]) -> Rendered:
    """For templates without marks: what an answer adds to the conversation before it is what is learnt."""
    tokens = _tokens(tokenizer, messages)
    learnt = [False] * len(tokens)
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            start = len(_tokens(tokenizer, messages[:number], add_generation_prompt=True))
            end = len(_tokens(tokenizer, messages[: number + 1]))
            learnt[start:end] = [True] * (min(end, len(tokens)) - start)
    return Rendered(tokens, learnt)


def _tokens(tokenizer: Any, messages: list[dict[str, str]], **more: Any) -> list[int]:
    return list(tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **more)["input_ids"])


def prompt_of(tokenizer: Any, example: Mapping[str, Any]) -> tuple[list[int], str, str]:
    """The question of an example as tokens and as text, and the answer that is hoped for."""
    if "text" in example and "messages" not in example:
        tokens = tokenizer(str(example["text"]), add_special_tokens=False)["input_ids"]
        half = max(1, len(tokens) // 2)
        return tokens[:half], tokenizer.decode(tokens[:half]), tokenizer.decode(tokens[half:])
    messages = messages_of(example)
    last = max((n for n, turn in enumerate(messages) if turn["role"] == "assistant"), default=len(messages))
    ensure_template(tokenizer)
    expected = messages[last]["content"] if last < len(messages) else ""
    asked = "\n".join(turn["content"] for turn in messages[:last])
    return _tokens(tokenizer, messages[:last], add_generation_prompt=True), asked, expected


def ensure_template(tokenizer: Any) -> None:
    """Ours, where a tokenizer brings none."""
    if not getattr(tokenizer, "chat_template", None):
        tokenizer.chat_template = CHAT_TEMPLATE


def spans(tokenizer: Any, rendered: Rendered) -> list[Span]:
    """What the model sees, in stretches that are learnt and stretches that are not: for a preview."""
    found: list[Span] = []
    start = 0
    for end in range(1, len(rendered.tokens) + 1):
        if end == len(rendered.tokens) or rendered.learnt[end] != rendered.learnt[start]:
            text = tokenizer.decode(rendered.tokens[start:end], skip_special_tokens=False)
            found.append(Span(text, rendered.learnt[start], end - start))
            start = end
    return found
