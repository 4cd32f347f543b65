"""What several of the writes share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.utils import timezone

from apps.core.access import require_role
from apps.core.errors import NotFound
from apps.core.models import Role, User
from apps.tasks.content import task_data
from apps.tasks.engine.formats import TaskData
from apps.tasks.models import ArcTask, ArcTaskVersion

_BATCH = 500


def require_curator(by: User | None) -> None:
    """Only curators change tasks; `None` is the system itself."""
    if by is not None:
        require_role(by, Role.CURATOR)


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many at a time as a statement may name."""
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]


def tasks_in_use(task_ids: Collection[str]) -> set[str]:
    """Those of the tasks that something outside this app refers to: a solve, a submission, a cost.

    Asked of the foreign keys themselves, so that an app that comes later is heard without being known here.
    """
    used: set[str] = set()
    for relation in ArcTask._meta.related_objects:
        model = relation.related_model
        if not isinstance(model, type) or model._meta.app_label == ArcTask._meta.app_label:
            continue
        name = relation.field.attname
        for batch in batches(sorted(task_ids)):
            used.update(
                model._base_manager.filter(**{f"{name}__in": batch}).order_by().values_list(name, flat=True).distinct()
            )
    return used


def locked_task(task_id: str) -> ArcTask:
    """The task, kept as it is until the transaction ends."""
    row = ArcTask.objects.select_for_update().filter(pk=task_id).first()
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    return row


def apply_columns(changed: Sequence[tuple[ArcTask, dict[str, Any]]]) -> None:
    """Write new columns to locked rows; content of a task in use goes to a new version."""
    with_content = [row.pk for row, columns in changed if "tests" in columns]
    used = tasks_in_use(with_content) if with_content else set()
    older = ArcTask.everything.filter(pk__in=used).only("version", "train_examples", "tests", "content_hash")
    ArcTaskVersion.objects.bulk_create(
        ArcTaskVersion(
            task_id=row.pk,
            version=row.version,
            train_examples=row.train_examples,
            tests=row.tests,
            content_hash=row.content_hash,
        )
        for row in older
    )
    for row, columns in changed:
        version = {"version": row.version + 1} if row.pk in used and "tests" in columns else {}
        ArcTask.everything.filter(pk=row.pk).update(**columns, **version, updated_at=timezone.now())


def current_data(row: ArcTask) -> TaskData:
    """The parsed content of a task as it stands."""
    return task_data(row.raw_id, row.train_examples, row.tests)
