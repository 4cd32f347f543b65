"""The content of a task as it was when a cell was made: what is scored is never changed in place."""

from __future__ import annotations

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
    """The pairs of `version` of a task: the current row where it is that, the kept version otherwise."""
    current = ArcTask.objects.filter(task_id=task_id, version=version).only("train_examples", "tests").first()
    kept = current or ArcTaskVersion.objects.filter(task_id=task_id, version=version).first()
    if kept is None:
        raise NotFound(f"Task {task_id} has no version {version}.")
    return TaskContent(task_id=task_id, version=version, train=kept.train_examples, tests=kept.tests)
