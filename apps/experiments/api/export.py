"""An experiment in one file, read from the database in batches: whole, as a table, or as other people's tools take answers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from django.core.serializers.json import DjangoJSONEncoder
from ninja import Schema
from pydantic import Field

from apps.core.engine.zips import zip_parts
from apps.core.streaming import Download
from apps.experiments import queries
from apps.experiments.api.schemas import experiment_out, run_out, submission_out
from apps.experiments.engine.answer_files import csv_2020, harness, kaggle
from apps.experiments.models import Experiment, ExperimentRun, Solve, TaskSubmission
from apps.experiments.queries.answers import AnswerPlan, Wish, answer_plan, answers, filled
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


class WishQuery(Schema):
    """Whose answers, and to which tasks."""

    strategy: str = Field("", max_length=64, description="Whose attempts; needed where the run has several rows.")
    seed: int | None = Field(None, ge=0, lt=2**63)
    second_strategy: str = Field(
        "", max_length=64, description="Then attempt 1 is the best of the first, 2 of this one."
    )
    second_seed: int | None = Field(None, ge=0, lt=2**63)
    dataset: str = Field("", max_length=32, description="Only the run's tasks of this dataset.")
    split: str = Field(
        "", max_length=60, description="Every task of this split, such as arc2/evaluation, whether run or not."
    )

    def wish(self) -> Wish:
        """As the query takes it."""
        return Wish(**self.model_dump())


class RowName(Schema):
    """A row of a run's matrix."""

    strategy: str
    seed: int


class ExportCheckOut(Schema):
    """What an export of answers would hold."""

    attempts_of: list[RowName]
    tasks: int
    outputs: int
    filled_tasks: int = Field(description="Tasks without any answer.")
    filled_outputs: int = Field(description="Test inputs without an attempt.")
    left_out: int = Field(description="Tasks of the run that are not in it.")


Format = Literal["json", "csv", "submission", "csv2020", "harness"]
_CSV, _JSON, _ZIP = "text/csv; charset=utf-8", "application/json", "application/zip"


def export_response(experiment: Experiment, run: ExperimentRun, format: Format, wish: Wish) -> Download:
    """The download."""
    name = re.sub(r"[^a-z0-9]+", "-", experiment.name.lower()).strip("-")[:60] or "experiment"
    name = f"{name}-run{run.number}"
    if format == "json":
        return Download(_json_lines(experiment, run), name=f"{name}.json", content_type=_JSON)
    if format == "csv":
        return Download(_csv_lines(run), name=f"{name}.csv", content_type=_CSV)
    return _answers(answer_plan(run, wish), format, name)


def _answers(plan: AnswerPlan, format: Format, name: str) -> Download:
    """Answers alone, each under its task's raw id; what was filled in stands in headers, where it disturbs no reader."""
    missing = filled(plan)
    found = answers(plan)
    if format == "submission":
        response = Download(kaggle(found), name="submission.json", content_type=_JSON)
    elif format == "csv2020":
        response = Download(csv_2020(found), name="submission.csv", content_type=_CSV)
    else:
        files = harness(found, run_id=plan.run.run_id, began=plan.run.started_at)
        folder = f"{name}-{'-'.join(f'{row.strategy}-{row.seed}' for row in plan.rows)}"
        parts = zip_parts((f"{folder}/{file}", data) for file, data in files)
        response = Download(parts, name=f"{folder}.zip", content_type=_ZIP)
    response["X-Tasks"] = str(len(plan.tasks))
    response["X-Filled-Tasks"], response["X-Filled-Outputs"] = str(missing.tasks), str(missing.outputs)
    response["X-Left-Out"] = str(plan.left_out)
    return response


def check_out(run: ExperimentRun, wish: Wish) -> dict[str, Any]:
    """What such an export would hold, as `ExportCheckOut`."""
    plan = answer_plan(run, wish)
    missing = filled(plan)
    return {
        "attempts_of": [{"strategy": row.strategy, "seed": row.seed} for row in plan.rows],
        "tasks": len(plan.tasks),
        "outputs": sum(task.tests for task in plan.tasks),
        "filled_tasks": missing.tasks,
        "filled_outputs": missing.outputs,
        "left_out": plan.left_out,
    }


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
    _, results = queries.standings_of([run])[run.run_id]
    head = experiment_out(experiment, results=results.model_dump(mode="json"), progress=None, run_id=run.run_id)
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
