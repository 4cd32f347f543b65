"""JSON API: many tasks, listed and judged. Everybody reads; curators write."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query
from ninja.responses import Status

from apps.core.access import member
from apps.core.api.schemas import SuccessResponse
from apps.core.pagination import Page, PageQuery
from apps.tasks import queries, schemas, services
from apps.tasks.api.content import parsed
from apps.tasks.api.router import router


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
    by = member(request)
    task = services.task_create(
        content=parsed(body, body.raw_id),
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
    by = member(request)
    changed = services.difficulty_set(task_ids=body.task_ids, difficulty=body.difficulty_level, by=by)
    return {"message": f"{changed:,} tasks changed.", "data": {"changed": changed}}


@router.post("/family", response=SuccessResponse, summary="Put tasks in a family (curators)")
def assign_family(request: HttpRequest, body: schemas.FamilyAssignIn) -> Any:
    """Null takes them out of theirs."""
    by = member(request)
    changed = services.family_assign(task_ids=body.task_ids, family_id=body.family_id, by=by)
    return {"message": f"{changed:,} tasks moved.", "data": {"changed": changed}}
