"""From a parsed task to what its row stores and back, and the names tasks go by. No database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.core.errors import Invalid
from apps.tasks.engine import names
from apps.tasks.engine.columns import content_columns
from apps.tasks.engine.formats import TaskData, parse_task
from apps.tasks.engine.intake.metadata import metadata_problem

__all__ = ["check_metadata", "content_columns", "make_task_id", "task_data"]

MAX_DESCRIPTION, MAX_PATTERNS, MAX_PATTERN = 5000, 100, 500
"""Of a family: its text, its sentences, and each of them."""


def make_task_id(dataset: str, raw_id: str) -> str:
    """`<dataset>:<raw id>`; refuses names that could not stand in an address or a file name."""
    if not names.DATASET.fullmatch(dataset):
        raise Invalid(
            f"The dataset name {dataset[:40]!r} cannot be used: take 1 to 32 small letters, digits, dots, dashes "
            "or underscores, starting with a letter or digit.",
            field="dataset",
        )
    if problem := names.name_problem(raw_id):
        raise Invalid(
            f"The task id {raw_id[:100]!r} cannot be used, because {problem}: {names.RULE}. For a file, rename it.",
            field="raw_id",
        )
    return f"{dataset}:{raw_id}"


def task_data(raw_id: str, train_examples: Sequence[Any], tests: Sequence[Any]) -> TaskData:
    """The parsed task behind a row's (or an older version's) content."""
    return parse_task({"train": list(train_examples), "test": list(tests)}, raw_id)


def check_metadata(metadata: dict[str, Any]) -> None:
    """Refuse metadata that cannot be kept."""
    if problem := metadata_problem(metadata):
        raise Invalid(f"Metadata: {problem}.", field="metadata")
