"""JSON API of the tasks app. Everybody reads; curators write; truths are shown only when asked for by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Query, Router, UploadedFile
from ninja.responses import Status

from apps.core.access import member, require_role
from apps.core.api.schemas import SuccessResponse
from apps.core.errors import Invalid
from apps.core.models import Role
from apps.core.pagination import Page, PageQuery, paginate
from apps.tasks import queries, schemas, services
from apps.tasks.downloads import arc_file
from apps.tasks.engine.formats import TaskData
from apps.tasks.engine.grids import InvalidGrid
from apps.tasks.thumbnails import thumbnails
from apps.tasks.uploads import Reading, read_files, read_values

router = Router(tags=["tasks"])


@router.get("", response=Page[schemas.TaskItem], summary="Tasks, filtered and paged")
def list_tasks(request: HttpRequest, filters: Query[schemas.TaskFilter], paging: Query[PageQuery]) -> Any:
    """Without grids; ordered as `sort` says, ties by id."""
    found = queries.task_page(
        criteria=filters.criteria(), sort=filters.sort, page=paging.page, page_size=paging.page_size
    )
    return {
        "items": found.items,
        "total": found.total,
        "page": found.page,
        "page_size": found.page_size,
        "pages": found.pages,
    }


@router.post("", response={201: schemas.TaskOut}, summary="Add a task (curators)")
def create_task(request: HttpRequest, body: schemas.TaskCreate) -> Any:
    """Refuses an id that is taken: use PATCH, or import."""
    by = require_role(request.user, Role.CURATOR)
    task = services.task_create(
        content=_parsed(body, body.raw_id),
        dataset=body.dataset,
        dataset_version=body.dataset_version,
        source=body.task_source,
        difficulty=body.difficulty_level,
        family_id=body.family_id,
        metadata=body.metadata,
        by=by,
    )
    return Status(201, schemas.task_out(task, include_truth=True))


@router.get("/splits", response=list[schemas.SplitOut], summary="The splits there are")
def list_splits(request: HttpRequest) -> Any:
    """Each dataset's training, evaluation and test tasks, counted."""
    return queries.splits()


@router.get("/leaks", response=schemas.LeakReportOut, summary="What one split gives away about another")
def leaks(request: HttpRequest, training: Query[schemas.SplitName], evaluation: Query[schemas.SplitName]) -> Any:
    """Both named `<dataset>/<source>` or, for a whole dataset, `<dataset>`."""
    return schemas.leaks_out(queries.leak_report(training=training, evaluation=evaluation))


@router.post("/difficulty", response=SuccessResponse, summary="Judge tasks (curators)")
def set_difficulty(request: HttpRequest, body: schemas.DifficultyIn) -> Any:
    """Their families' average follows."""
    by = require_role(request.user, Role.CURATOR)
    changed = services.difficulty_set(task_ids=body.task_ids, difficulty=body.difficulty_level, by=by)
    return {"message": f"{changed:,} tasks changed.", "data": {"changed": changed}}


@router.post("/family", response=SuccessResponse, summary="Put tasks in a family (curators)")
def assign_family(request: HttpRequest, body: schemas.FamilyAssignIn) -> Any:
    """Null takes them out of theirs."""
    by = require_role(request.user, Role.CURATOR)
    changed = services.family_assign(task_ids=body.task_ids, family_id=body.family_id, by=by)
    return {"message": f"{changed:,} tasks moved.", "data": {"changed": changed}}


@router.post("/import", response=schemas.ImportOut, summary="Import tasks (curators)")
def import_tasks(request: HttpRequest, body: schemas.ImportIn) -> Any:
    """Canonical sets, or tasks by id; all or none. The same import again changes nothing."""
    by = require_role(request.user, Role.CURATOR)
    if bool(body.sets) == bool(body.tasks):
        raise Invalid("Send either `sets` or `tasks`.", field="tasks")
    if body.sets:
        return schemas.import_out(services.canonical_import(names=body.sets, by=by), [])
    reading = read_values(body.tasks, body.solutions)
    problems = _problems(reading, skip_invalid=body.skip_invalid)
    report = services.tasks_import(
        tasks=reading.tasks,
        dataset=body.dataset,
        source=body.task_source,
        dataset_version=body.dataset_version,
        by=by,
    )
    return schemas.import_out(report, problems)


@router.post("/import/files", response=schemas.ImportOut, summary="Import task files (curators)")
def import_files(request: HttpRequest, files: File[list[UploadedFile]], where: Form[schemas.ImportFilesIn]) -> Any:
    """Task files, zips of them, Kaggle's challenges and solutions; all or none unless `skip_invalid`."""
    by = require_role(request.user, Role.CURATOR)
    reading = read_files(_contents(files))
    problems = _problems(reading, skip_invalid=where.skip_invalid)
    report = services.tasks_import(
        tasks=reading.tasks,
        dataset=where.dataset,
        source=where.task_source,
        dataset_version=where.dataset_version,
        by=by,
    )
    return schemas.import_out(report, problems)


def _contents(files: Iterable[UploadedFile]) -> Iterable[tuple[str, bytes]]:
    for file in files:
        yield file.name or "file", file.read()


def _problems(reading: Reading, *, skip_invalid: bool) -> list[dict[str, str]]:
    found = [{"task_id": "", "file": "", "problem": words} for words in reading.problems]
    found += [{"task_id": c.raw_id, "file": c.file, "problem": c.problem} for c in reading.broken]
    if found and not (skip_invalid and reading.tasks):
        raise Invalid(found[0]["problem"], field="tasks", details={"problems": found[:100]})
    return found


@router.get("/families", response=Page[schemas.FamilyOut], summary="Task families")
def list_families(request: HttpRequest, paging: Query[schemas.FamilyQuery]) -> Any:
    """By name."""
    found = queries.families(paging.search.replace("\x00", ""))
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=schemas.family_out)


@router.post("/families", response={201: schemas.FamilyOut}, summary="Make a family (curators)")
def create_family(request: HttpRequest, body: schemas.FamilyIn) -> Any:
    """Names are unique."""
    by = require_role(request.user, Role.CURATOR)
    family = services.family_create(**body.model_dump(), by=by)
    return Status(201, schemas.family_out(queries.family_get(family.pk)))


@router.get("/families/{family_id}", response=schemas.FamilyOut, summary="A family")
def get_family(request: HttpRequest, family_id: str) -> Any:
    """With the number of its tasks; list those with `?family=`."""
    return schemas.family_out(queries.family_get(family_id))


@router.patch("/families/{family_id}", response=schemas.FamilyOut, summary="Change a family (curators)")
def change_family(request: HttpRequest, family_id: str, body: schemas.FamilyChange) -> Any:
    """What is left out stays."""
    by = require_role(request.user, Role.CURATOR)
    queries.family_get(family_id)
    services.family_update(family_id=family_id, by=by, **body.model_dump(exclude_none=True))
    return schemas.family_out(queries.family_get(family_id))


@router.delete("/families/{family_id}", response=SuccessResponse, summary="Delete a family (curators)")
def delete_family(request: HttpRequest, family_id: str) -> Any:
    """Its tasks stay, in none."""
    by = require_role(request.user, Role.CURATOR)
    family = queries.family_get(family_id)
    services.family_delete(family_id=family_id, by=by)
    return {"message": f"Family {family.family_name} is gone; its tasks stay."}


@router.get("/{task_id}", response=schemas.TaskOut, summary="A task")
def get_task(request: HttpRequest, task_id: str, include_truth: bool = False) -> Any:
    """With its grids; test outputs only with `include_truth=true`."""
    return schemas.task_out(queries.task_get(task_id), include_truth=include_truth)


@router.patch("/{task_id}", response=schemas.TaskOut, summary="Change a task (curators)")
def change_task(request: HttpRequest, task_id: str, body: schemas.TaskChange) -> Any:
    """New content of a task that is in use becomes a new version; earlier results keep theirs."""
    by = require_role(request.user, Role.CURATOR)
    task = queries.task_get(task_id)
    if (body.train_examples is None) != (body.tests is None):
        raise Invalid("Send train_examples and tests together: they are one content.", field="tests")
    content = None
    if body.train_examples is not None and body.tests is not None:
        content = _parsed(schemas.TaskContent(train_examples=body.train_examples, tests=body.tests), task.raw_id)
    changed = services.task_update(
        task_id=task_id,
        by=by,
        content=content,
        task_source=body.task_source,
        metadata=body.metadata,
        difficulty=body.difficulty_level,
        family_id=body.family_id if "family_id" in body.model_fields_set else services.Unset.UNSET,
    )
    return schemas.task_out(changed, include_truth=True)


@router.get("/{task_id}/versions", response=Page[schemas.TaskVersionOut], summary="What a task was before")
def list_versions(request: HttpRequest, task_id: str, paging: Query[PageQuery], include_truth: bool = False) -> Any:
    """Latest first; the present content is the task itself."""
    found = queries.older_versions(queries.task_get(task_id))
    return paginate(
        found,
        page=paging.page,
        page_size=paging.page_size,
        serialize=lambda version: schemas.version_out(version, include_truth=include_truth),
    )


@router.get("/{task_id}/same", response=list[schemas.TaskItem], summary="The same puzzle elsewhere")
def same_puzzle(request: HttpRequest, task_id: str) -> Any:
    """Tasks with equal pairs in whatever order; at most 200."""
    return list(queries.same_puzzle(queries.task_get(task_id))[:200])


@router.get("/{task_id}/arc.json", response=dict[str, Any], summary="A task in ARC's own format")
def download(request: HttpRequest, task_id: str, include_truth: bool = False) -> HttpResponse:
    """`{train, test}`, as a file named by the raw id."""
    task = queries.task_get(task_id)
    return arc_file(services.current_data(task), include_truth=include_truth)


@router.get(
    "/{task_id}/thumbnail.svg",
    summary="A task's first demonstration as a picture",
    openapi_extra={"responses": {200: {"description": "SVG", "content": {"image/svg+xml": {}}}}},
)
def thumbnail(request: HttpRequest, task_id: str) -> HttpResponse:
    """May be kept by the browser until the task changes."""
    member(request)
    task = queries.task_get(task_id)
    response = HttpResponse(thumbnails([task])[task.pk], content_type="image/svg+xml")
    response["ETag"] = f'"{task.content_hash}-{task.version}"'
    response["Cache-Control"] = "private, max-age=300"
    return response


def _parsed(body: schemas.TaskContent, raw_id: str) -> TaskData:
    try:
        return body.data(raw_id)
    except InvalidGrid as error:
        raise Invalid(
            str(error).replace("train[", "train_examples[").replace("test[", "tests["),
            field="train_examples" if str(error).startswith("train") else "tests",
        ) from error
