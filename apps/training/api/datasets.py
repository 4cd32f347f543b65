"""JSON API: datasets, from an upload, from tasks, from answers; what is in them, and parts of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import File, Form, Query, UploadedFile
from ninja.responses import Status

from apps.core.access import member, require_role
from apps.core.api.schemas import SuccessResponse
from apps.core.artefacts import artefact_store, download
from apps.core.errors import Conflict, Invalid, TooLarge
from apps.core.models import Role
from apps.core.pagination import Page, PageQuery, paginate
from apps.core.uploads import Part, upload_problem
from apps.training import schemas
from apps.training.api.router import router
from apps.training.queries import datasets as queries
from apps.training.services import building, datasets, uploads

Many = list[schemas.DatasetOut]


@router.get("/datasets", response=Page[schemas.DatasetOut], by_alias=True, summary="Datasets")
def list_datasets(request: HttpRequest, asked: Query[schemas.DatasetsQuery], paging: Query[PageQuery]) -> Any:
    """Newest first; narrowed by name, state, format, origin, and words."""
    return paginate(
        queries.datasets_filtered(**asked.model_dump()).order_by("-created_at", "-dataset_id"),
        page=paging.page,
        page_size=paging.page_size,
        serialize=schemas.DatasetOut.of,
    )


@router.post("/datasets", response={202: schemas.DatasetOut}, by_alias=True, summary="Upload a dataset (researchers)")
def create(request: HttpRequest, file: File[UploadedFile], about: Form[schemas.DatasetIn]) -> Any:
    """CSV, JSON, JSONL or Parquet, also packed; read by a job. Larger than one request may hold: see `/uploads`."""
    by = require_role(request.user, Role.RESEARCHER)
    datasets.checked_name(about.name)
    if problem := upload_problem(request):
        raise TooLarge(problem)
    sent: Any = file
    if not isinstance(sent, Part):
        raise Invalid("Send a file.", field="file")
    stored = artefact_store(source=sent.chunks())
    if not stored.size:
        raise Invalid("The file is empty.", field="file")
    made = datasets.dataset_begin(stored=stored, file_name=sent.name or "file", by=by, **about.columns())
    return Status(202, schemas.DatasetOut.of(made))


@router.post("/uploads", response={201: schemas.UploadOut}, summary="Begin a large upload (researchers)")
def begin_upload(request: HttpRequest, body: schemas.UploadIn) -> Any:
    """Then send its pieces in order, and name it at `/datasets/from-upload`."""
    made = uploads.upload_begin(file_name=body.file_name, size=body.size, by=member(request))
    return Status(201, schemas.UploadOut.of(made))


@router.get("/uploads/{upload_id}", response=schemas.UploadOut, summary="A large upload as it stands")
def get_upload(request: HttpRequest, upload_id: str) -> Any:
    """`received` is where the next piece begins."""
    return schemas.UploadOut.of(uploads.upload_get(upload_id=upload_id, by=member(request)))


@router.put("/uploads/{upload_id}", response=schemas.UploadOut, summary="Send a piece (its owner)")
def append_upload(request: HttpRequest, upload_id: str, where: Query[schemas.PieceQuery]) -> Any:
    """The body is the bytes (`application/octet-stream`). 409 with `received` where another piece was expected."""
    made = uploads.upload_append(upload_id=upload_id, offset=where.offset, body=request, by=member(request))
    return schemas.UploadOut.of(made)


@router.delete("/uploads/{upload_id}", response=SuccessResponse, summary="Drop a large upload (its owner)")
def drop_upload(request: HttpRequest, upload_id: str) -> Any:
    """Before it is finished."""
    uploads.upload_drop(upload_id=upload_id, by=member(request))
    return {"message": "The upload is dropped."}


@router.post(
    "/datasets/from-upload",
    response={202: schemas.DatasetOut},
    by_alias=True,
    summary="Make a dataset of a large upload (researchers)",
)
def from_upload(request: HttpRequest, body: schemas.FromUploadIn) -> Any:
    """When all of its pieces are there."""
    by = require_role(request.user, Role.RESEARCHER)
    datasets.checked_name(body.name)
    upload = uploads.upload_own(upload_id=body.upload_id, by=by)
    stored = uploads.upload_store(upload=upload)
    made = datasets.dataset_begin(stored=stored, file_name=upload.file_name, by=by, **body.columns())
    uploads.upload_forget(upload=upload)
    return Status(202, schemas.DatasetOut.of(made))


@router.post(
    "/datasets/from-tasks",
    response={202: schemas.DatasetOut},
    by_alias=True,
    summary="Make one of ARC tasks (researchers)",
)
def from_tasks(request: HttpRequest, body: schemas.FromTasksIn) -> Any:
    """Each demonstration in turn is the question; test outputs are never part of it."""
    spec = building.spec_from(building.TasksSpec, body.recipe)
    made = building.tasks_build(name=body.name, description=body.description, spec=spec, by=member(request))
    return Status(202, schemas.DatasetOut.of(made))


@router.post(
    "/datasets/from-answers",
    response={202: schemas.DatasetOut},
    by_alias=True,
    summary="Make one of right programs (researchers)",
)
def from_answers(request: HttpRequest, body: schemas.FromAnswersIn) -> Any:
    """The demonstrations of a task are the question, the program that solved it the answer."""
    spec = building.spec_from(building.AnswersSpec, body.recipe)
    made = building.answers_build(name=body.name, description=body.description, spec=spec, by=member(request))
    return Status(202, schemas.DatasetOut.of(made))


@router.get("/datasets/{dataset_id}", response=schemas.DatasetOut, by_alias=True, summary="A dataset")
def get_dataset(request: HttpRequest, dataset_id: str) -> Any:
    """One version."""
    return schemas.DatasetOut.of(queries.dataset_get(dataset_id=dataset_id))


@router.patch(
    "/datasets/{dataset_id}", response=schemas.DatasetOut, by_alias=True, summary="Describe a dataset (its owner)"
)
def describe(request: HttpRequest, dataset_id: str, body: schemas.DescribeIn) -> Any:
    """What it holds never changes: send it again under the same name for a new version."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    made = datasets.dataset_describe(dataset=dataset, description=body.description, by=member(request))
    return schemas.DatasetOut.of(made)


@router.delete("/datasets/{dataset_id}", response=SuccessResponse, summary="Delete a dataset (its owner)")
def delete(request: HttpRequest, dataset_id: str) -> Any:
    """Refused while it is in use, with what uses it."""
    datasets.dataset_delete(dataset=queries.dataset_get(dataset_id=dataset_id), by=member(request))
    return {"message": "The dataset is deleted."}


@router.get("/datasets/{dataset_id}/faults", response=schemas.FaultsOut, summary="What is wrong with a dataset's file")
def faults(request: HttpRequest, dataset_id: str) -> Any:
    """The first 200, each with line and field, and how many there are."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    return {"items": dataset.faults, "total": dataset.fault_count, "error": dataset.error}


@router.post(
    "/datasets/{dataset_id}/mapping",
    response={202: schemas.DatasetOut},
    by_alias=True,
    summary="Say what the columns mean (its owner)",
)
def choose_mapping(request: HttpRequest, dataset_id: str, body: schemas.MappingIn) -> Any:
    """Then all of the file is read. While it waits to be told, and after faults."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    made = datasets.dataset_map(dataset=dataset, mapping=body.model_dump(), by=member(request))
    return Status(202, schemas.DatasetOut.of(made))


@router.get("/datasets/{dataset_id}/examples", response=schemas.ExamplesOut, summary="Examples of a dataset")
def examples(request: HttpRequest, dataset_id: str, asked: Query[schemas.ExamplesQuery]) -> Any:
    """From number `start` on; with `q` the next that have the text in them. `following` is where to go on."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    found = queries.examples(dataset, start=asked.start, count=asked.count, text=asked.q)
    items = [{"number": one.number, **one.values} for one in found.items]
    return {"items": items, "total": dataset.num_samples, "following": found.following}


@router.get("/datasets/{dataset_id}/content", summary="A dataset's examples as JSONL")
def content(request: HttpRequest, dataset_id: str) -> HttpResponseBase:
    """All of them, as they are trained on."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    if dataset.examples is None:
        raise Conflict("This dataset is not ready.")
    return download(request, dataset.examples, name=f"{dataset.name}-v{dataset.version}.jsonl")


@router.post(
    "/datasets/{dataset_id}/split", response={202: Many}, by_alias=True, summary="Split a dataset (researchers)"
)
def split(request: HttpRequest, dataset_id: str, body: schemas.SplitIn) -> Any:
    """Two new datasets: to train on, and to evaluate on."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    made = datasets.dataset_split(dataset=dataset, fraction=body.fraction, seed=body.seed, by=member(request))
    return Status(202, [schemas.DatasetOut.of(one) for one in made])


@router.post("/datasets/{dataset_id}/tokens", response={202: SuccessResponse}, summary="Count tokens (researchers)")
def count_tokens(request: HttpRequest, dataset_id: str, body: schemas.TokensIn) -> Any:
    """By a job; the counts then stand in `statistics`."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    job = datasets.dataset_count_tokens(dataset=dataset, tokenizer=body.tokenizer, by=member(request))
    return Status(202, {"message": "Tokens are being counted.", "data": {"job_id": job.pk}})
