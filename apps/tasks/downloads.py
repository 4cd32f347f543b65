"""A task as a file."""

from __future__ import annotations

import json

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from apps.tasks.engine.formats import TaskData, task_to_json


def arc_file(task: TaskData, *, include_truth: bool) -> HttpResponse:
    """A download in ARC's own format, named by the raw id."""
    data = task_to_json(task if include_truth else _blind(task))
    response = HttpResponse(json.dumps(data), content_type="application/json")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{task.raw_id}.json")
    return response


def _blind(task: TaskData) -> TaskData:
    return TaskData(raw_id=task.raw_id, train=task.train, tests=tuple((source, None) for source, _ in task.tests))
