"""JSON API: tasks in bulk, as files."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query

from apps.core.access import member
from apps.tasks import schemas
from apps.tasks.api.router import router
from apps.tasks.criteria import tasks_matching
from apps.tasks.exports import tasks_download


@router.get("/export", summary="Tasks as a zip that imports back exactly")
def export_tasks(
    request: HttpRequest, filters: Query[schemas.TaskFilter], include_truth: bool = False
) -> HttpResponseBase:
    """Filtered as the list is: ARC's files in `<dataset>/<split>/`, with metadata; test outputs only with `include_truth=true`."""
    member(request)
    return tasks_download(tasks_matching(filters.criteria()), include_truth=include_truth)
