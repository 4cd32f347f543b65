"""The JSON of imports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from apps.core.api.schemas import Strict
from apps.tasks.engine.formats import CANONICAL_SIZES
from apps.tasks.engine.intake.shelf import LeftOut
from apps.tasks.models import TaskImport, TaskSource
from apps.tasks.plans import Trouble
from apps.tasks.previews import Preview
from apps.tasks.schemas import Dataset
from apps.tasks.services import ImportReport, counts_sentence

SetName = Literal["arc1/training", "arc1/evaluation", "arc2/training", "arc2/evaluation"]
Paths = Annotated[
    list[Annotated[str, Field(max_length=4000)]],
    Field(max_length=20_000, description="Where each file lay, in the order of the files: training/a.json."),
]


class UploadIn(Schema):
    """Where uploaded tasks belong."""

    dataset: Dataset = "custom"
    dataset_version: str = Field("", max_length=64)
    task_source: TaskSource | None = Field(
        None, description="The split of everything. Null: as keys, file names and folders say, else training."
    )
    paths: Paths = Field(default_factory=list)


class ImportWhere(Schema):
    """What an import at once has to decide beforehand."""

    dataset: Dataset = "custom"
    dataset_version: str = Field("", max_length=64)
    task_source: TaskSource | None = Field(
        None, description="The split of everything. Null: as keys, file names and folders say, else training."
    )
    skip_invalid: bool = Field(False, description="Import the rest when some tasks have problems.")
    propose: bool = Field(False, description="Give tasks whose names cannot be ids the names proposed for them.")
    by_name: bool = Field(False, description="Call a task by the id that stands in its file, not by the file's name.")


class ImportFilesIn(ImportWhere):
    """An import of files."""

    paths: Paths = Field(default_factory=list)


class ImportIn(ImportWhere, Strict):
    """Tasks by id in ARC's format, with the solutions where those come apart (Kaggle), or canonical sets by name."""

    sets: list[SetName] = Field([], max_length=len(CANONICAL_SIZES), description="Canonical sets to import.")
    tasks: dict[str, Any] = Field(default_factory=dict, description="{id: {train: [...], test: [...]}}")
    solutions: dict[str, Any] = Field(
        default_factory=dict, description="{id: [grid, ...]}; those to tasks that are here already are filled in."
    )


class ImportChoices(Strict):
    """What is decided about an upload. `splits` by the number of a group."""

    splits: dict[Annotated[str, Field(pattern=r"^\d{1,6}$")], TaskSource] = Field(
        default_factory=dict, max_length=50_000
    )
    propose: bool = False
    by_name: bool = False
    without: list[Annotated[str, Field(max_length=1000)]] = Field([], max_length=50_000, description="Raw ids.")


class ProblemOut(Schema):
    """Why a task, or a whole file, was not imported."""

    task_id: str
    file: str
    problem: str


class LeftOutOut(Schema):
    """Files that hold no task."""

    why: str
    count: int
    files: list[str] = Field(description="The first of them.")


class ImportOut(Schema):
    """What an import did. `moved`: only the split changed."""

    success: bool = True
    message: str
    created: list[str]
    updated: list[str]
    moved: list[str]
    unchanged: list[str]
    problems: list[ProblemOut]
    left_out: list[LeftOutOut]
    notes: list[str] = Field(description="What was put together.")


class GroupOut(Schema):
    """Tasks that stood together."""

    number: int
    where: str
    dataset: str
    read: str = Field(description="The split its place speaks of; empty where it speaks of none.")
    chosen: str
    count: int


class PlannedOut(Schema):
    """What would become of a task."""

    task_id: str
    effect: str
    words: str
    split: str
    remark: str


class PreviewOut(Schema):
    """What an upload would do."""

    counts: dict[str, int]
    moves: int
    groups: list[GroupOut]
    tasks: list[PlannedOut] = Field(description="The first of each effect.")
    problem_count: int
    problems: list[ProblemOut]
    left_out: list[LeftOutOut]
    notes: list[str]
    proposed_names: int
    inner_names: int


class ImportStateOut(Schema):
    """An import as it stands."""

    success: bool = True
    import_id: str
    state: str
    dataset: str
    job_id: str | None
    total: int
    written: int
    message: str
    created: int | None
    updated: int | None
    moved: int | None
    unchanged: int | None
    error: str
    created_at: datetime
    finished_at: datetime | None
    preview: PreviewOut | None


def problem_out(trouble: Trouble) -> dict[str, str]:
    """A trouble as `ProblemOut`."""
    return {"task_id": trouble.raw_id, "file": trouble.file, "problem": trouble.words}


def left_out(found: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """As `LeftOutOut`."""
    return [{"why": one.why, "count": one.count, "files": one.names} for one in found]


def import_out(
    report: ImportReport,
    *,
    problems: Sequence[dict[str, str]] = (),
    left_out: Sequence[dict[str, Any]] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """An import's outcome as `ImportOut`."""
    return {
        "message": report.sentence(),
        **{name: list(getattr(report, name)) for name in ("created", "updated", "moved", "unchanged")},
        "problems": list(problems),
        "left_out": list(left_out),
        "notes": list(notes),
    }


def preview_out(found: Preview) -> dict[str, Any]:
    """As `PreviewOut`."""
    return {
        "counts": dict(found.counts),
        "moves": found.moves,
        "groups": [
            {
                "number": group.number,
                "where": group.label,
                "dataset": group.dataset,
                "read": group.read,
                "chosen": group.chosen,
                "count": group.count,
            }
            for group in found.groups
        ],
        "tasks": [
            {
                "task_id": row.decision.incoming.task_id,
                "effect": row.decision.effect,
                "words": row.decision.words,
                "split": row.decision.split,
                "remark": row.remark,
            }
            for row in found.rows
        ],
        "problem_count": found.trouble_count,
        "problems": [problem_out(one) for one in found.troubles],
        "left_out": left_out(found.left_out),
        "notes": found.notes,
        "proposed_names": found.proposal_count,
        "inner_names": found.offer_count,
    }


_SAID = {
    "reading": "The files are being read.",
    "ready": "Look at the preview, then confirm.",
    "writing": "The tasks are being imported.",
}


def state_out(record: TaskImport, found: dict[str, Any] | None) -> dict[str, Any]:
    """As `ImportStateOut`."""
    done = record.state == "done"
    return {
        "success": record.state != "failed",
        "import_id": record.pk,
        "state": record.state,
        "dataset": record.dataset,
        "job_id": record.job_id,
        "total": record.total,
        "written": record.written,
        "message": counts_sentence(record.report) if done else record.error or _SAID.get(record.state, ""),
        **{name: record.report.get(name) if done else None for name in ("created", "updated", "moved", "unchanged")},
        "error": record.error,
        "created_at": record.created_at,
        "finished_at": record.finished_at,
        "preview": found,
    }
