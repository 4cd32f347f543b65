"""A tokenizer for grids and text, made here: byte-level BPE in which each digit is a token of its own.

Every text can be written (bytes), a cell of a grid is always one token (so that positions line up), and common words of
instructions are short. The chat template marks what the assistant says, which is what is learnt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PAD, BEGIN, END = "<|pad|>", "<|begin|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SPECIAL = (PAD, BEGIN, END, *ROLES)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|assistant|>\\n' }}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}{{ '\\n' }}"
    "{% else %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)

WORDS = (
    "Here are examples of a transformation of grids. Each digit is a colour.\n\nExample 1\nInput:\nOutput:\n"
    "Find the rule and apply it to the test input.\nTest input:\nTest output:\n"
    "Answer with the output grid only: one line for each row, one digit for each cell.\n"
    "The grid is mirrored, rotated, shifted, cropped, scaled, filled, drawn, copied, coloured.\n"
    "rows columns cells objects shapes lines borders corners background largest smallest left right top bottom\n"
    "what is the answer of this question and how do you explain it? instruction, input, output, system, user, assistant\n"
)


def make_tokenizer(texts: Iterable[str] = (), *, vocabulary: int = 512) -> Any:
    """A tokenizer whose merges come from these texts, and from the words our own prompts use. No hub is asked."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("[0-9]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary, 256 + len(SPECIAL)),
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=1,
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS, *texts], trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        additional_special_tokens=list(ROLES),
        clean_up_tokenization_spaces=False,
        model_max_length=32768,
    )
    made.chat_template = CHAT_TEMPLATE
    return made
