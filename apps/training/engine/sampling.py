"""What a model writes while it is trained: answers to a few examples of the evaluation set, the likeliest token each time.

No random numbers are drawn, so looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from apps.training.engine.rendering import prompt_of

MAX_TEXT = 4000


class Sampler:
    """Prompts, ready as tokens."""

    def __init__(self, tokenizer: Any, examples: Iterable[Mapping[str, Any]], *, count: int, tokens: int, length: int):
        self._tokenizer, self._tokens = tokenizer, tokens
        found = [prompt_of(tokenizer, example) for example in islice(examples, count)]
        self._prompts = [(prompt[-length:], asked, expected) for prompt, asked, expected in found if prompt]

    def answers(self, model: Any) -> list[dict[str, str]]:
        """Of each prompt: what was asked, hoped for and written."""
        import torch

        learning = model.training
        model.eval()
        said = []
        with torch.no_grad():
            for prompt, asked, expected in self._prompts:
                ids = torch.tensor([prompt], device=next(model.parameters()).device)
                written = model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=self._tokens,
                    do_sample=False,
                    temperature=None,
                    top_p=None,
                    top_k=None,
                    pad_token_id=self._tokenizer.pad_token_id,
                    eos_token_id=self._tokenizer.eos_token_id,
                )
                text = self._tokenizer.decode(written[0][len(prompt) :], skip_special_tokens=True)
                said.append({"prompt": asked[-MAX_TEXT:], "expected": expected[:MAX_TEXT], "written": text[:MAX_TEXT]})
        model.train(learning)
        return said
