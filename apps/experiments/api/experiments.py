"""JSON API: experiments and what is done to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query, Schema
from ninja.responses import Status
from pydantic import Field

from apps.core.access import member
from apps.core.api.schemas import SuccessResponse
from apps.core.errors import Conflict
from apps.core.live import read_events
from apps.core.live.log import Scope
from apps.core.live.messages import message, snapshot
from apps.core.models import User
from apps.core.pagination import Page, PageQuery, paginate
from apps.experiments import queries, services
from apps.experiments.api.export import ExportCheckOut, Format, WishQuery, check_out, export_response
from apps.experiments.api.router import router
from apps.experiments.api.schemas import (
    CellOut,
    ExperimentItem,
    ExperimentOut,
    ExperimentRunOut,
    ResultOut,
    SubmissionItem,
    cell_out,
    experiment_item,
    experiment_out,
    result_out,
    run_out,
    submission_item,
)
from apps.experiments.documents import ExperimentSpec
from apps.experiments.models import Experiment, ExperimentRun
from apps.experiments.services import ExperimentChanges


class ExperimentFilter(Schema):
    """Which experiments, in which order."""

    q: str = Field("", max_length=200, description="Part of the name or the hypothesis.")
    state: Literal["", "created", "in_progress", "paused", "completed", "failed", "cancelled"] = ""
    strategy: str = Field("", max_length=64)
    owner: str = Field("", max_length=150, description="A user name.")
    sort: Literal["created", "-created", "name", "-name", "status", "-status", "score", "-score", "cost", "-cost"] = (
        "-created"
    )


class ExperimentCreate(ExperimentSpec):
    """A new experiment; with `start` it begins at once."""

    start: bool = False


class EventWindow(Schema):
    """Where to go on in the log, and how far."""

    after: str | None = Field(
        None, description="The cursor of the last answer; without one, from the oldest event kept."
    )
    limit: int = Field(500, ge=1, le=2000)


class EventsOut(Schema):
    """A stretch of the event log; see `/api/v1/events`."""

    events: list[dict[str, Any]]
    cursor: str
    reset: bool
    more: bool
    snapshot: dict[str, Any] | None = None


RunNumber = Annotated[int | None, Field(ge=1, le=2_000_000_000)]
"""Which run, the latest by default."""


@router.get("", response=Page[ExperimentItem], summary="Experiments, filtered and paged")
def list_experiments(request: HttpRequest, filters: Query[ExperimentFilter], paging: Query[PageQuery]) -> Any:
    """Ordered as `sort` says, ties by id; each with the progress of its latest run."""
    found = queries.experiments_filtered(
        text=filters.q,
        status=filters.state,
        strategy=filters.strategy,
        owner=filters.owner,
        sort=filters.sort,
    )
    page = paginate(found, page=paging.page, page_size=paging.page_size, serialize=lambda row: row)
    return {**page, "items": [experiment_item(row) for row in queries.rows_of(page["items"])]}


@router.post("", response={201: ExperimentOut}, summary="Create an experiment (researchers)")
def create_experiment(request: HttpRequest, body: ExperimentCreate) -> Any:
    """Tasks, strategies and seeds are checked now and frozen when it starts."""
    by = member(request)
    spec = ExperimentSpec.model_validate(body.model_dump(exclude={"start"}))
    made = services.experiment_create(spec=spec, by=by)
    if body.start:
        services.experiment_start(experiment=made, by=by)
    return Status(201, _detail(made.pk))


@router.get("/{experiment_id}", response=ExperimentOut, summary="One experiment")
def get_experiment(request: HttpRequest, experiment_id: str) -> Any:
    """With its results: live while it runs, stored when it has ended."""
    return _detail(experiment_id)


def _detail(experiment_id: str) -> dict[str, Any]:
    experiment = services.experiment_get(experiment_id=experiment_id)
    run = queries.run_of(experiment)
    if run is None:
        return experiment_out(experiment, results={}, progress=None, run_id=None)
    progress, results = queries.standings_of([run])[run.run_id]
    return experiment_out(experiment, results=results.model_dump(mode="json"), progress=progress, run_id=run.run_id)


@router.patch("/{experiment_id}", response=ExperimentOut, summary="Change an experiment (owner or admin)")
def update_experiment(request: HttpRequest, experiment_id: str, body: ExperimentChanges) -> Any:
    """Words at any time; `spec`, what it asks, before the start."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    services.experiment_update(experiment=experiment, changes=body, by=member(request))
    return _detail(experiment_id)


@router.delete("/{experiment_id}", response=SuccessResponse, summary="Delete an experiment (owner or admin)")
def delete_experiment(request: HttpRequest, experiment_id: str) -> Any:
    """With its runs and answers; strategy metrics and the ledger stay. Cancel it first if it is under way."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    services.experiment_delete(experiment=experiment, by=member(request))
    return {"message": f"{experiment.name} is deleted."}


def _act(request: HttpRequest, experiment_id: str, action: Callable[..., object]) -> dict[str, Any]:
    by: User = member(request)
    action(experiment=services.experiment_get(experiment_id=experiment_id), by=by)
    return _detail(experiment_id)


@router.post("/{experiment_id}/start", response=ExperimentOut, summary="Start (owner or admin)")
def start(request: HttpRequest, experiment_id: str) -> Any:
    """One job a task, strategy and seed."""
    return _act(request, experiment_id, services.experiment_start)


@router.post("/{experiment_id}/pause", response=ExperimentOut, summary="Pause (owner or admin)")
def pause(request: HttpRequest, experiment_id: str) -> Any:
    """What runs stops within two seconds and begins afresh when resumed."""
    return _act(request, experiment_id, services.experiment_pause)


@router.post("/{experiment_id}/resume", response=ExperimentOut, summary="Resume (owner or admin)")
def resume(request: HttpRequest, experiment_id: str) -> Any:
    """Go on after a pause."""
    return _act(request, experiment_id, services.experiment_resume)


@router.post("/{experiment_id}/cancel", response=ExperimentOut, summary="Cancel (owner or admin)")
def cancel(request: HttpRequest, experiment_id: str) -> Any:
    """For good; what was solved stays."""
    return _act(request, experiment_id, services.experiment_cancel)


@router.post("/{experiment_id}/retry", response=ExperimentOut, summary="Retry what failed (owner or admin)")
def retry(request: HttpRequest, experiment_id: str) -> Any:
    """Cells that failed, timed out or were cancelled get a new job each."""
    return _act(request, experiment_id, services.experiment_retry_failed)


@router.post("/{experiment_id}/rerun", response=ExperimentOut, summary="Run again (owner or admin)")
def rerun(request: HttpRequest, experiment_id: str) -> Any:
    """A further run over the same tasks, strategies and seeds."""
    return _act(request, experiment_id, services.experiment_rerun)


@router.post("/{experiment_id}/duplicate", response={201: ExperimentOut}, summary="Copy (researchers)")
def duplicate(request: HttpRequest, experiment_id: str) -> Any:
    """A copy of one's own that has not started."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    return Status(201, _detail(services.experiment_duplicate(experiment=experiment, by=member(request)).pk))


@router.get("/{experiment_id}/runs", response=Page[ExperimentRunOut], summary="Its runs")
def list_runs(request: HttpRequest, experiment_id: str, paging: Query[PageQuery]) -> Any:
    """Latest first."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    found = experiment.runs.order_by("-number")
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=run_out)


@router.get("/{experiment_id}/cells", response=Page[CellOut], summary="The cells of its latest run")
def list_cells(request: HttpRequest, experiment_id: str, paging: Query[PageQuery], run: RunNumber = None) -> Any:
    """Task by task; another run by its number."""
    found = _run(experiment_id, run).solves.order_by("position")
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=cell_out)


@router.get("/{experiment_id}/results", response=Page[ResultOut], summary="The measured outcome of each cell")
def list_results(request: HttpRequest, experiment_id: str, paging: Query[PageQuery]) -> Any:
    """In the order they were recorded."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    found = experiment.experiment_results.order_by("result_id")
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=result_out)


@router.get("/{experiment_id}/submissions", response=Page[SubmissionItem], summary="Its submissions")
def list_own_submissions(request: HttpRequest, experiment_id: str, paging: Query[PageQuery]) -> Any:
    """Latest first, without attempts and programs."""
    services.experiment_get(experiment_id=experiment_id)
    found = queries.submissions_filtered(experiment_id=experiment_id)
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=submission_item)


@router.get("/{experiment_id}/events", response=EventsOut, summary="Its events after a cursor")
def list_events(
    request: HttpRequest,
    experiment_id: str,
    window: Query[EventWindow],
    run: RunNumber = None,
) -> Any:
    """The log of the latest run (or another by its number), of its jobs and of itself; the cursor of `/api/v1/events`."""
    topic = _run(experiment_id, run).run_id
    batch = read_events(after=window.after, topic=topic, limit=window.limit)
    return {
        "events": [message(event) for event in batch.events],
        "cursor": batch.cursor,
        "reset": batch.reset,
        "more": batch.more,
        "snapshot": snapshot(Scope(topic=topic)) if batch.reset else None,
    }


@router.get("/{experiment_id}/export", summary="All of it, or its answers, in one file")
def export(
    request: HttpRequest,
    experiment_id: str,
    wish: Query[WishQuery],
    format: Format = "json",
    run: RunNumber = None,
) -> HttpResponseBase:
    """Of the latest run, or another by its number. `json`: the experiment, its run, every submission. `csv`: a line a cell.

    Answers alone, by raw ids: `submission` (Kaggle's submission.json), `csv2020`, `harness` (a zip with a file a task, for the
    official benchmarking harness). Both attempts are those of one row (`strategy`, `seed`) or, with a second one, the best of
    each. What is not answered is filled in and counted in `X-Filled-Tasks` and `X-Filled-Outputs`.
    """
    experiment = services.experiment_get(experiment_id=experiment_id)
    return export_response(experiment, _run(experiment_id, run), format, wish.wish())


@router.get("/{experiment_id}/export/check", response=ExportCheckOut, summary="What an export of answers would hold")
def check_export(request: HttpRequest, experiment_id: str, wish: Query[WishQuery], run: RunNumber = None) -> Any:
    """Whose attempts, to how many tasks, and how many have to be filled in; or why it cannot be."""
    return check_out(_run(experiment_id, run), wish.wish())


def _run(experiment_id: str, number: int | None) -> ExperimentRun:
    experiment: Experiment = services.experiment_get(experiment_id=experiment_id)
    run = queries.run_of(experiment, number)
    if run is None:
        raise Conflict("This experiment has not been started.")
    return run
