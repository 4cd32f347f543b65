"""The content of a task as it was when a cell was made: what is scored is never changed in place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from apps.core.errors import NotFound
from apps.tasks.models import ArcTask, ArcTaskVersion


@dataclass(frozen=True)
class TaskContent:
    """The pairs of one version of a task, as stored JSON."""

    task_id: str
    version: int
    train: list[dict[str, Any]]
    tests: list[dict[str, Any]]

    @property
    def truths(self) -> list[list[list[int]] | None]:
        """The test outputs in order, null where unknown."""
        return [pair.get("output") for pair in self.tests]

    @property
    def test_inputs(self) -> list[list[list[int]]]:
        """The test inputs in order."""
        return [pair["input"] for pair in self.tests]


def task_content(*, task_id: str, version: int) -> TaskContent:
    """The pairs of `version` of a task: of the current row where it is that, of the kept version otherwise."""
    return task_contents({(task_id, version)})[task_id, version]


def task_contents(wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], TaskContent]:
    """The pairs of several versions of tasks, by id and version; two statements at most."""
    ids = sorted({task_id for task_id, _ in wanted})
    found: dict[tuple[str, int], TaskContent] = {}
    current = ArcTask.objects.filter(task_id__in=ids).only("version", "train_examples", "tests")
    for row in current:
        if (row.task_id, row.version) in wanted:
            found[row.task_id, row.version] = TaskContent(row.task_id, row.version, row.train_examples, row.tests)
    older = sorted({task_id for task_id, version in wanted if (task_id, version) not in found})
    for kept in ArcTaskVersion.objects.filter(task_id__in=older) if older else ():
        if (kept.task_id, kept.version) in wanted:
            key = (kept.task_id, kept.version)
            found[key] = TaskContent(*key, kept.train_examples, kept.tests)
    for task_id, version in wanted:
        if (task_id, version) not in found:
            raise NotFound(f"Task {task_id} has no version {version}.")
    return found
