"""Which split a folder, a key or a file name speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence

TRAINING, EVALUATION, TEST = "training", "evaluation", "test"

_SURE = {
    **dict.fromkeys(("training", "train", "trainings"), TRAINING),
    **dict.fromkeys(("evaluation", "eval", "evals", "evaluations", "validation", "val"), EVALUATION),
}
"""These mean a split beside whatever other words."""

_TEST = {"test": TEST, "tests": TEST, "testing": TEST}
_WEAK = {"public": EVALUATION, "private": TEST, "hidden": TEST}
"""Said of a split rather than naming one: heard where nothing else is said (`public`, `semi_private`)."""

_USUAL = frozenset(
    [
        "arc",
        "agi",
        "arcagi",
        "prize",
        "kaggle",
        "mini",
        "concept",
        "data",
        "dataset",
        "datasets",
        "set",
        "sets",
        "split",
        "splits",
        "task",
        "tasks",
        "puzzle",
        "puzzles",
        "challenge",
        "challenges",
        "solution",
        "solutions",
        "json",
        "jsonl",
        "ndjson",
        "txt",
        "zip",
        "tar",
        "gz",
        "tgz",
        "files",
        "semi",
        "v",
        "the",
        "of",
        "all",
        "main",
        "master",
    ]
)
"""`test` is a word of many meanings: it names a split among these alone, not in "test of my importer"."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def split_in(name: str) -> str | None:
    """The one split a name speaks of; None where it speaks of none or of several."""
    words = [word.lower() for word in _WORD.findall(name)]
    named = {_SURE[word] for word in words if word in _SURE}
    if all(word in _USUAL or word in _SURE or word in _TEST or word in _WEAK for word in words):
        named |= {_TEST[word] for word in words if word in _TEST}
        named = named or {_WEAK[word] for word in words if word in _WEAK}
    return named.pop() if len(named) == 1 else None


def split_of(places: Sequence[str]) -> str | None:
    """The split that the nearest of several places speaks of: keys, then the file, then its folders from inside out."""
    return next((found for found in map(split_in, places) if found), None)
