"""Examples become tokens of which only the answers are learnt; rows are cut, packed and ordered as said."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.training.engine import token_files
from apps.training.engine.rendering import BadExample, messages_of, prompt_of, render, spans
from apps.training.engine.token_files import IGNORED, EpochOrder, TokenFile, collate, pack
from apps.training.engine.tokenizer import make_tokenizer

EXAMPLE = {"instruction": "Mirror.", "input": "12\n34", "output": "21\n43"}
CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "3?"},
        {"role": "assistant", "content": "4"},
    ]
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.mark.parametrize("text", ["0123\n4567", "Grüße, 世界 🎉\x00\t", "<|end|", ""])
def test_every_text_comes_back_and_each_cell_is_a_token(tokenizer: Any, text: str) -> None:
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(tokens) == text
    digits = [token for token in tokens if tokenizer.decode([token]).strip() in set("0123456789")]
    assert len(digits) == sum(sign.isdigit() for sign in text)


def test_only_what_the_assistant_says_is_learnt_its_end_included(tokenizer: Any) -> None:
    learnt = [span.text for span in spans(tokenizer, render(tokenizer, EXAMPLE)) if span.learnt]
    assert learnt == ["21\n43<|end|>"]
    learnt = [span.text for span in spans(tokenizer, render(tokenizer, CHAT)) if span.learnt]
    assert learnt == ["2<|end|>", "4<|end|>"]


def test_a_template_without_marks_is_read_by_what_each_answer_adds(tokenizer: Any) -> None:
    marked = render(tokenizer, CHAT)
    other = make_tokenizer()
    other.chat_template = other.chat_template.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    unmarked = render(other, CHAT)
    assert unmarked.tokens == marked.tokens
    learnt = [span.text for span in spans(other, unmarked) if span.learnt]
    assert [text.rstrip("\n") for text in learnt] == ["2<|end|>", "4<|end|>"]


def test_plain_text_is_learnt_whole_and_other_shapes_are_refused(tokenizer: Any) -> None:
    assert all(render(tokenizer, {"text": "123"}).learnt)
    with pytest.raises(BadExample, match="instruction and output"):
        messages_of({"question": "?"})


def test_a_prompt_ends_where_the_answer_begins(tokenizer: Any) -> None:
    tokens, asked, expected = prompt_of(tokenizer, CHAT)
    assert tokens == render(tokenizer, CHAT).tokens[: len(tokens)]
    assert (asked.splitlines()[-1], expected) == ("3?", "4")


def test_rows_are_cut_and_those_without_an_answer_left_out(tokenizer: Any, tmp_path: Path) -> None:
    long_answer = {"instruction": "i", "output": "7" * 300}
    long_question = {"instruction": "7" * 300, "output": "1"}
    counts = token_files.write(tmp_path, [EXAMPLE, long_answer, long_question], tokenizer, max_length=128)
    assert (counts.examples, counts.cut, counts.dropped, counts.longest) == (2, 1, 1, 128)
    rows = TokenFile(tmp_path)
    ((tokens, labels),) = rows[0]
    assert tokens.tolist() == render(tokenizer, EXAMPLE).tokens
    assert [int(label) for label in labels if label != IGNORED] == [
        token for token, learnt in zip(*vars(render(tokenizer, EXAMPLE)).values(), strict=True) if learnt
    ]


@pytest.mark.parametrize("seed", range(5))
def test_packing_loses_nothing_and_overfills_no_row(seed: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 129, size=500)
    rows = pack(lengths, 128)
    assert sorted(example for row in rows for example in row) == list(range(500))
    assert max(int(lengths[row].sum()) for row in rows) <= 128
    assert len(rows) < 1.1 * lengths.sum() / 128 + 1
    assert rows == pack(lengths, 128)


def test_a_packed_row_starts_positions_anew_and_foretells_no_first_token() -> None:
    row = [(np.array([5, 6, 7]), np.array([5, 6, 7])), (np.array([8, 9]), np.array([8, 9]))]
    short = [(np.array([4]), np.array([4]))]
    batch = collate([row, short], pad=0, packed=True)
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1], [0, 0, 1, 2, 3]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7, IGNORED, 9], [IGNORED] * 5]
    assert "attention_mask" not in batch
    assert collate([short, row], pad=0, packed=False)["attention_mask"].tolist() == [[1, 0, 0, 0, 0], [1] * 5]


def test_an_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    lengths = np.random.default_rng(0).integers(1, 1000, size=1003)
    for grouped in (None, lengths):
        order = EpochOrder(1003, seed=3, lengths=grouped, batch=8)
        first = list(order)
        order.set_epoch(1)
        second = list(order)
        assert sorted(first) == sorted(second) == list(range(1003))
        assert first != second
        order.set_epoch(0)
        assert list(order) == first

    def padding(rows: list[int]) -> int:
        return sum(
            8 * int(lengths[rows[n : n + 8]].max()) - int(lengths[rows[n : n + 8]].sum()) for n in range(0, 1000, 8)
        )

    assert (
        padding(list(EpochOrder(1003, seed=3, lengths=lengths, batch=8))) < padding(list(EpochOrder(1003, seed=3))) / 4
    )
    jumps = [abs(int(lengths[a]) - int(lengths[b])) for a, b in pairwise(first)]
    assert max(jumps) > 300, "batches themselves are shuffled"
