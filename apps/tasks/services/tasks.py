"""One task: made, changed, removed; and what curators judge of many."""

from __future__ import annotations

from enum import Enum
from typing import Any

from django.db import IntegrityError, transaction

from apps.core.errors import Conflict
from apps.core.models import User
from apps.tasks.content import check_metadata, content_columns, make_task_id
from apps.tasks.engine.formats import TaskData
from apps.tasks.models import ArcTask, Difficulty, TaskSource
from apps.tasks.services.families import difficulty_set, family_assign, lock_families, refresh_averages
from apps.tasks.services.shared import apply_columns, locked_task, require_curator, tasks_in_use


class Unset(Enum):
    """Tells "leave it" from "set it to none"."""

    UNSET = "unset"


def task_create(
    *,
    content: TaskData,
    dataset: str,
    by: User | None,
    source: TaskSource = TaskSource.TRAINING,
    dataset_version: str = "",
    difficulty: Difficulty = Difficulty.UNKNOWN,
    family_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> ArcTask:
    """One new task; `Conflict` when its id is taken."""
    require_curator(by)
    check_metadata(metadata or {})
    task_id = make_task_id(dataset, content.raw_id)
    try:
        with transaction.atomic():
            ArcTask.objects.create(
                task_id=task_id,
                raw_id=content.raw_id,
                dataset=dataset,
                dataset_version=dataset_version,
                task_source=source,
                metadata=metadata or {},
                **content_columns(content),
            )
            _judge(task_id, by, difficulty, family_id)
    except IntegrityError as error:
        if not ArcTask.everything.filter(pk=task_id).exists():
            raise
        raise Conflict(f"There is already a task {task_id}. Change that one, or choose another id.") from error
    return ArcTask.objects.get(pk=task_id)


def _judge(task_id: str, by: User | None, difficulty: Difficulty | None, family_id: str | Unset | None) -> None:
    if difficulty is not None:
        difficulty_set(task_ids=[task_id], difficulty=difficulty, by=by)
    if not isinstance(family_id, Unset):
        family_assign(task_ids=[task_id], family_id=family_id, by=by)


def task_update(
    *,
    task_id: str,
    by: User | None,
    content: TaskData | None = None,
    task_source: TaskSource | None = None,
    metadata: dict[str, Any] | None = None,
    difficulty: Difficulty | None = None,
    family_id: str | Unset | None = Unset.UNSET,
) -> ArcTask:
    """Change a task, all or nothing. Content of one that is in use is never changed in place: it becomes a new
    version."""
    require_curator(by)
    with transaction.atomic():
        row = locked_task(task_id)
        columns: dict[str, Any] = {}
        if content is not None:
            fresh = content_columns(content)
            if fresh["pair_hashes"] != row.pair_hashes:
                columns |= fresh
        if task_source is not None and task_source != row.task_source:
            columns["task_source"] = task_source
        if metadata is not None and metadata != row.metadata:
            check_metadata(metadata)
            columns["metadata"] = metadata
        if columns:
            apply_columns([(row, columns)])
        _judge(task_id, by, difficulty, family_id)
    row.refresh_from_db()
    return row


def task_delete(*, task_id: str, by: User | None) -> None:
    """Remove a task that nothing refers to; one in use is a `Conflict`."""
    require_curator(by)
    with transaction.atomic():
        row = locked_task(task_id)
        if tasks_in_use([task_id]):
            raise Conflict(f"Task {task_id} is in use: experiments or answers refer to it, and it stays with them.")
        families = lock_families({row.family_id})
        row.delete()
        refresh_averages(families)
