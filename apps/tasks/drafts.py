"""Import in two steps: read and show, then import all or what was chosen. Nothing is written half."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.access import require_role
from apps.core.errors import Invalid, NotFound
from apps.core.models import Role, User
from apps.tasks.content import content_columns, make_task_id
from apps.tasks.engine.formats import TaskData, parse_task, task_to_json
from apps.tasks.models import ArcTask, TaskImportDraft, TaskSource
from apps.tasks.services import ImportReport, tasks_import
from apps.tasks.uploads import Candidate, Reading, read_files

KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Preview:
    """What an import would do."""

    draft: TaskImportDraft
    tasks: list[TaskData]
    states: dict[str, str]
    broken: list[Candidate]
    problems: list[str]

    def count(self, state: str) -> int:
        """How many tasks are `new`, `changed` or `same`."""
        return sum(1 for value in self.states.values() if value == state)


def draft_create(
    *,
    files: Iterable[tuple[str, bytes]],
    dataset: str,
    source: TaskSource,
    dataset_version: str,
    by: User,
) -> TaskImportDraft:
    """Read an upload and keep it for its owner to look at. Older drafts are swept on the way."""
    require_role(by, Role.CURATOR)
    make_task_id(dataset, "check")
    if source not in TaskSource.values:
        raise Invalid(f"The split is one of {', '.join(TaskSource.values)}.", field="source")
    reading = read_files(files)
    with transaction.atomic():
        TaskImportDraft.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
        return TaskImportDraft.objects.create(
            owner=by,
            dataset=dataset,
            task_source=source,
            dataset_version=dataset_version[:64],
            content=_packed(reading),
        )


def draft_preview(*, draft_id: str, by: User) -> Preview:
    """What importing this draft would do now."""
    draft = _own(draft_id, by)
    content = _unpacked(draft)
    tasks = [parse_task(task, task["id"]) for task in content["tasks"]]
    broken = [Candidate(row["raw_id"], row["file"], problem=row["problem"]) for row in content["broken"]]
    return Preview(draft, tasks, _states(draft.dataset, tasks), broken, content["problems"])


def draft_import(*, draft_id: str, by: User, without: Collection[str] = ()) -> ImportReport:
    """Import a draft's tasks but those named in `without`, all or none, and drop the draft."""
    require_role(by, Role.CURATOR)
    with transaction.atomic():
        draft = _own(draft_id, by)
        tasks = [parse_task(task, task["id"]) for task in _unpacked(draft)["tasks"] if task["id"] not in without]
        if not tasks:
            raise Invalid("Nothing is left to import: every task is left out or has a problem.", field="without")
        report = tasks_import(
            tasks=tasks,
            dataset=draft.dataset,
            source=TaskSource(draft.task_source),
            dataset_version=draft.dataset_version,
            by=by,
        )
        draft.delete()
    return report


def draft_discard(*, draft_id: str, by: User) -> None:
    """Forget an upload."""
    _own(draft_id, by).delete()


def _own(draft_id: str, by: User) -> TaskImportDraft:
    require_role(by, Role.CURATOR)
    draft = None if "\x00" in draft_id else TaskImportDraft.objects.filter(pk=draft_id, owner=by).first()
    if draft is None:
        raise NotFound("This upload is gone: it was imported, or a day has passed. Upload it again.")
    return draft


def _packed(reading: Reading) -> bytes:
    content = {
        "version": 1,
        "tasks": [{"id": task.raw_id, **task_to_json(task)} for task in reading.tasks],
        "broken": [{"raw_id": c.raw_id, "file": c.file, "problem": c.problem} for c in reading.broken],
        "problems": reading.problems,
    }
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 6)


def _unpacked(draft: TaskImportDraft) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(zlib.decompress(bytes(draft.content)))
    return content


def _states(dataset: str, tasks: list[TaskData]) -> dict[str, str]:
    """By raw id: `new`, `changed` (there with other content) or `same`."""
    standing = dict(ArcTask.objects.filter(dataset=dataset).values_list("raw_id", "pair_hashes"))
    return {
        task.raw_id: "new"
        if task.raw_id not in standing
        else ("same" if standing[task.raw_id] == content_columns(task)["pair_hashes"] else "changed")
        for task in tasks
    }
