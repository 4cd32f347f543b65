"""JSON API: one task. Truths are shown only when asked for by name."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query

from apps.core.access import member
from apps.core.errors import Invalid
from apps.core.pagination import Page, PageQuery, paginate
from apps.tasks import queries, schemas, services
from apps.tasks.api.content import parsed
from apps.tasks.api.router import router
from apps.tasks.downloads import arc_file
from apps.tasks.thumbnails import thumbnails


@router.get("/{task_id}", response=schemas.TaskOut, summary="A task")
def get_task(request: HttpRequest, task_id: str, include_truth: bool = False) -> Any:
    """With its grids; test outputs only with `include_truth=true`."""
    return schemas.task_out(queries.task_get(task_id), include_truth=include_truth)


@router.patch("/{task_id}", response=schemas.TaskOut, summary="Change a task (curators)")
def change_task(request: HttpRequest, task_id: str, body: schemas.TaskChange) -> Any:
    """New content of a task that is in use becomes a new version; earlier results keep theirs."""
    by = member(request)
    task = queries.task_get(task_id)
    if (body.train_examples is None) != (body.tests is None):
        raise Invalid("Send train_examples and tests together: they are one content.", field="tests")
    content = None
    if body.train_examples is not None and body.tests is not None:
        content = parsed(schemas.TaskContent(train_examples=body.train_examples, tests=body.tests), task.raw_id)
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
