"""JSON API: import. The same rules as the page and the command; what is large is a job."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from django.http import HttpRequest
from ninja import File, Form, UploadedFile
from ninja.responses import Status

from apps.core.access import member
from apps.core.api.base import judges_double_keys
from apps.core.api.schemas import SuccessResponse
from apps.core.errors import Invalid, TooLarge
from apps.core.models import User
from apps.core.uploads import Part, upload_problem
from apps.tasks import import_schemas as schemas
from apps.tasks.api.router import router
from apps.tasks.engine.intake.archives import Source
from apps.tasks.engine.intake.feed import BrokenJson, Feed
from apps.tasks.models import ImportState, TaskImport
from apps.tasks.plans import troubles
from apps.tasks.previews import preview
from apps.tasks.services import ImportReport, imports

_TOLD = 100
_IMPORTED = {200: schemas.ImportOut, 202: schemas.ImportStateOut}


@router.post("/import", response=_IMPORTED, summary="Import tasks (curators)")
@judges_double_keys
def import_tasks(request: HttpRequest, body: schemas.ImportIn) -> Any:
    """Canonical sets, or tasks by id; all or none unless `skip_invalid`. The same import again changes nothing.

    202: it is a job; follow it at `/imports/{import_id}`.
    """
    by = member(request)
    if bool(body.sets) == bool(body.tasks or body.solutions):
        raise Invalid("Send either `sets` or `tasks` (with `solutions` where they come apart).", field="tasks")
    if body.sets:
        done = imports.sets_import(names=body.sets, by=by)
        return schemas.import_out(done) if isinstance(done, ImportReport) else _accepted(done)
    return _import(_members(request.body), body, by)


@router.post("/import/files", response=_IMPORTED, summary="Import task files (curators)")
def import_files(request: HttpRequest, files: File[list[UploadedFile]], where: Form[schemas.ImportFilesIn]) -> Any:
    """Task files, archives of them, Kaggle's folder; all or none unless `skip_invalid`.

    202: there is much of it; follow it at `/imports/{import_id}`.
    """
    by = member(request)
    return _import(_sent(request, files, where.paths), where, by)


@router.post("/imports", response={201: schemas.ImportStateOut}, summary="Upload task files for a look (curators)")
def upload(request: HttpRequest, files: File[list[UploadedFile]], where: Form[schemas.UploadIn]) -> Any:
    """Nothing is imported before it is confirmed. What is large is read by a job: `state` is `reading` until then."""
    by = member(request)
    record = imports.import_begin(
        files=_sent(request, files, where.paths),
        dataset=where.dataset,
        source=where.task_source or "",
        dataset_version=where.dataset_version,
        by=by,
    )
    return Status(201, _state(record))


@router.get("/imports/{import_id}", response=schemas.ImportStateOut, summary="An import as it stands (curators)")
def get_import(request: HttpRequest, import_id: str) -> Any:
    """One's own. While it is `ready`, with what it would do to each task."""
    return _state(imports.import_get(import_id=import_id, by=member(request)))


@router.post(
    "/imports/{import_id}/choices", response=schemas.ImportStateOut, summary="Decide about an upload (curators)"
)
def choose(request: HttpRequest, import_id: str, body: schemas.ImportChoices) -> Any:
    """Splits of groups, names, and what stays out; the answer is the new preview."""
    by = member(request)
    return _state(imports.import_choose(import_id=import_id, by=by, choices=body.model_dump()))


@router.post("/imports/{import_id}/confirm", response=_IMPORTED, summary="Import an upload (curators)")
def confirm(request: HttpRequest, import_id: str) -> Any:
    """As its preview says, without what has problems. 202: many tasks, by a job."""
    by = member(request)
    done = imports.import_confirm(import_id=import_id, by=by)
    return schemas.import_out(done) if isinstance(done, ImportReport) else _accepted(done)


@router.delete("/imports/{import_id}", response=SuccessResponse, summary="Drop an upload (curators)")
def discard(request: HttpRequest, import_id: str) -> Any:
    """Before it has been imported; a job that works on it is cancelled."""
    imports.import_discard(import_id=import_id, by=member(request))
    return {"message": "The upload is dropped; nothing was imported."}


_Files = list[tuple[str, int, Source]]


def _sent(request: HttpRequest, files: Sequence[Any], paths: Sequence[str]) -> _Files:
    """The files of a request; `paths` says in which folders they lay, which their names do not."""
    if problem := upload_problem(request):
        raise TooLarge(problem)
    if paths and len(paths) != len(files):
        raise Invalid(
            f"{len(paths)} paths for {len(files)} files; send one for each, in the same order.", field="paths"
        )
    parts: list[Part] = list(files)
    names = list(paths) or [part.name or "file" for part in parts]
    return [(name, part.size or 0, Source(name, part.stream)) for name, part in zip(names, parts, strict=True)]


def _members(body: bytes) -> _Files:
    """The tasks and solutions of a JSON body, as the texts they came in: a parser would hide a key that stands twice."""
    found: _Files = []
    feed = Feed(io.BytesIO(body))
    try:
        for key, _ in feed.members():
            text = feed.value(len(body))[0].encode()
            if key in ("tasks", "solutions") and text != b"{}":
                found.append((f"{key}.json", len(text), Source(f"{key}.json", lambda text=text: io.BytesIO(text))))  # type: ignore[misc]
    except BrokenJson as error:
        raise Invalid(f"The body is not valid JSON at line {error.line}: {error.words}.", field="tasks") from None
    return found


def _import(files: _Files, where: schemas.ImportWhere, by: User) -> Any:
    record = imports.import_begin(
        files=files,
        dataset=where.dataset,
        source=where.task_source or "",
        dataset_version=where.dataset_version,
        by=by,
        choices={"by_name": where.by_name, "propose": where.propose},
        at_once=True,
        skip_invalid=where.skip_invalid,
    )
    if record.state == ImportState.READING:
        return _accepted(record)
    try:
        with closing(imports.shelf_of(record)) as shelf:
            terms = imports.terms_of(record)
            found = list(islice(troubles(shelf, terms, own=record.number), _TOLD))
            beside: dict[str, Any] = {"left_out": schemas.left_out(shelf.left_out), "notes": shelf.notes}
        problems = [schemas.problem_out(one) for one in found]
        if found and not where.skip_invalid:
            raise Invalid(found[0].words, field="tasks", details={"problems": problems, **beside})
        try:
            done = imports.import_confirm(import_id=record.pk, by=by)
        except Invalid as error:
            words = found[0].words if found else error.message
            raise Invalid(words, field="tasks", details={"problems": problems, **beside}) from None
    except BaseException:
        imports.import_discard(import_id=record.pk, by=by)
        raise
    if not isinstance(done, ImportReport):
        return _accepted(done)
    imports.import_forget(record=record)
    return schemas.import_out(done, problems=problems, **beside)


def _accepted(record: TaskImport) -> Any:
    return Status(202, _state(record))


def _state(record: TaskImport) -> dict[str, Any]:
    found = None
    if record.state == ImportState.READY:
        with closing(imports.shelf_of(record)) as shelf:
            found = schemas.preview_out(preview(record, shelf, imports.terms_of(record)))
    return schemas.state_out(record, found)
