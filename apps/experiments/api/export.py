"""An experiment in one file, read from the database in batches."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import StreamingHttpResponse

from apps.experiments.api.shapes import experiment_out, run_out, submission_out
from apps.experiments.models import Experiment, ExperimentRun, Solve, TaskSubmission
from apps.experiments.queries.matrix import raw_id

CHUNK = 200
CSV_COLUMNS = (
    "task_id",
    "raw_id",
    "strategy",
    "strategy_version",
    "seed",
    "status",
    "score",
    "outputs_hit",
    "outputs",
    "confidence_score",
    "core_seconds",
    "wall_seconds",
    "dollars",
    "joules",
    "error_type",
    "program",
    "submission_id",
)


def export_response(experiment: Experiment, run: ExperimentRun, format: str) -> StreamingHttpResponse:
    """The download."""
    csv_wanted = format == "csv"
    lines = _csv_lines(run) if csv_wanted else _json_lines(experiment, run)
    response = StreamingHttpResponse(
        lines, content_type="text/csv; charset=utf-8" if csv_wanted else "application/json"
    )
    name = re.sub(r"[^a-z0-9]+", "-", experiment.name.lower()).strip("-")[:60] or "experiment"
    response["Content-Disposition"] = f'attachment; filename="{name}-run{run.number}.{format}"'
    return response


def _submissions(run: ExperimentRun) -> Iterator[TaskSubmission]:
    return (
        TaskSubmission.objects.filter(run=run)
        .select_related("run", "solve")
        .defer("run__task_ids", "run__metrics", "run__strategy_config")
        .order_by("solve__position", "submission_id")
        .iterator(chunk_size=CHUNK)
    )


def _json_lines(experiment: Experiment, run: ExperimentRun) -> Iterator[str]:
    """One JSON object, a submission a line."""
    head = experiment_out(experiment, results=experiment.results, progress=None, run_id=run.run_id)
    yield '{"format":"terrarium.experiment/1",\n"experiment":' + _json(head) + ',\n"run":' + _json(run_out(run))
    yield ',\n"submissions":['
    for number, submission in enumerate(_submissions(run)):
        yield (",\n" if number else "\n") + _json(submission_out(submission))
    yield "\n]}\n"


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))


def _csv_lines(run: ExperimentRun) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    cells = Solve.objects.filter(run=run).select_related("submission").order_by("position")
    for solve in cells.iterator(chunk_size=CHUNK):
        writer.writerow(_csv_row(solve))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _csv_row(solve: Solve) -> list[Any]:
    answer = solve.submission
    program = (
        answer.predictions[0][0].get("program", "") if answer and answer.predictions and answer.predictions[0] else ""
    )
    ended = solve.finished_at is not None
    scored = solve.score is not None
    row = [
        solve.task_id,
        raw_id(solve.task_id),
        solve.strategy,
        answer.strategy_version if answer else "",
        solve.seed,
        solve.status,
        solve.score,
        solve.outputs_hit if scored else None,
        solve.outputs if scored else None,
        answer.confidence_score if answer else None,
        solve.core_seconds if ended else None,
        solve.wall_seconds if ended else None,
        solve.dollars if ended else None,
        solve.joules if ended else None,
        solve.error_type,
        _inert(program),
        solve.submission_id,
    ]
    return ["" if value is None else value for value in row]


def _inert(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
