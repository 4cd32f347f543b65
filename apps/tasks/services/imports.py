"""The life of an upload: read, looked at, written or dropped. Small ones in the request, large ones by jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core.access import require_role
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.jobs import SOON, job_cancel, job_enqueue
from apps.core.jobs.kinds import Finished
from apps.core.models import Job, JobStatus, Role, User
from apps.tasks.content import make_task_id
from apps.tasks.engine.formats import CANONICAL_SIZES
from apps.tasks.engine.intake.archives import Source, TooMuch
from apps.tasks.engine.intake.reading import read_sources
from apps.tasks.engine.intake.shelf import Shelf
from apps.tasks.engine.intake.spool import write_spool
from apps.tasks.models import ImportState, TaskImport, TaskSource
from apps.tasks.plans import Incoming, Terms, decide_all, incomings, troubles
from apps.tasks.services.writing import (
    ImportReport,
    Superseded,
    canonical_import,
    canonical_set,
    import_hide,
    import_write,
    known_sets,
)

READ_KIND, WRITE_KIND = "import_read", "import_write"
KEPT_FOR = timedelta(days=1)
READ_AT_ONCE = 1_000_000
"""Bytes that are read within a request; more is a job."""

WRITE_AT_ONCE = 150
"""Tasks that are written within a request; more is a job."""

_FILES_AT_ONCE = 500
NOTHING_LEFT = "Nothing is left to import: every task is left out or has a problem."
GONE = "This upload is gone: it was dropped, or a day has passed. Upload it again."


def folder_of(import_id: str) -> Path:
    """Where an import's files lie."""
    return Path(settings.VAR_DIR) / "imports" / import_id


def import_get(*, import_id: str, by: User) -> TaskImport:
    """An import of one's own, or for an admin anybody's; `NotFound` for everybody else's."""
    require_role(by, Role.CURATOR)
    found = None if "\x00" in import_id else TaskImport.objects.filter(pk=import_id).select_related("job").first()
    if found is None or (found.owner_id != by.pk and not by.has_role(Role.ADMIN)):
        raise NotFound(GONE)
    return found


def shelf_of(record: TaskImport) -> Shelf:
    """What was read; to be closed by whoever takes it."""
    try:
        return Shelf.load(folder_of(record.pk))
    except FileNotFoundError:
        raise NotFound(GONE) from None


def terms_of(record: TaskImport) -> Terms:
    """What its owner decided so far."""
    choices = record.choices
    return Terms(
        dataset=record.dataset,
        version=record.dataset_version,
        source=record.task_source,
        splits={int(group): split for group, split in choices.get("splits", {}).items()},
        by_name=bool(choices.get("by_name")),
        propose=bool(choices.get("propose")),
        without=frozenset(choices.get("without", ())),
    )


def import_begin(
    *,
    files: Sequence[tuple[str, int, Source]],
    dataset: str,
    source: str,
    dataset_version: str,
    by: User,
    choices: Mapping[str, Any] | None = None,
    at_once: bool = False,
    skip_invalid: bool = False,
) -> TaskImport:
    """Take in an upload of (name, bytes, source) each: read now when it is small, by a job otherwise.

    `source` is the split of everything, or "" for what the files say. `at_once` imports it when it has been read, without
    a look; with problems only if `skip_invalid`.
    """
    require_role(by, Role.CURATOR)
    make_task_id(dataset, "check")
    if source and source not in TaskSource.values:
        raise Invalid(f"The split is one of {', '.join(TaskSource.values)}.", field="source")
    record = TaskImport(
        owner=by,
        dataset=dataset,
        dataset_version=dataset_version[:64],
        task_source=source,
        choices=dict(choices or {}),
        at_once=at_once,
        skip_invalid=skip_invalid,
    )
    folder = folder_of(record.pk)
    folder.mkdir(parents=True)
    try:
        if _read_now(files, folder):
            record.state = ImportState.READY
            record.save(force_insert=True)
        else:
            write_spool(folder, [(name, one) for name, _, one in files])
            with transaction.atomic():
                record.save(force_insert=True)
                record.job = _enqueue(READ_KIND, record)
                record.save(update_fields=["job"])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return record


def _read_now(files: Sequence[tuple[str, int, Source]], folder: Path) -> bool:
    """Read what is small; False for what turns out to be large."""
    if len(files) > _FILES_AT_ONCE or sum(size for _, size, _ in files) > READ_AT_ONCE:
        return False
    with closing(Shelf()) as shelf:
        try:
            read_sources([one for _, _, one in files], shelf, max_bytes=3 * READ_AT_ONCE, max_files=_FILES_AT_ONCE)
        except TooMuch:
            return False
        shelf.save(folder)
    return True


def _enqueue(kind: str, record: TaskImport) -> Job:
    payload = {"import_id": record.pk}
    return job_enqueue(kind=kind, payload=payload, owner=record.owner, topic=record.pk, priority=SOON)


def sets_import(*, names: Iterable[str], by: User) -> TaskImport | ImportReport:
    """Canonical sets: few tasks now, more by a job."""
    require_role(by, Role.CURATOR)
    chosen = known_sets(names)
    if not chosen:
        raise Invalid("Choose at least one set.", field="sets")
    total = sum(CANONICAL_SIZES[name] for name in chosen)
    if total <= WRITE_AT_ONCE:
        return canonical_import(names=chosen, by=by)
    record = TaskImport(
        owner=by,
        dataset=chosen[0].partition("/")[0],
        sets=chosen,
        at_once=True,
        state=ImportState.WRITING,
        total=total,
    )
    with transaction.atomic():
        record.save(force_insert=True)
        record.job = _enqueue(WRITE_KIND, record)
        record.save(update_fields=["job"])
    return record


def import_choose(*, import_id: str, by: User, choices: Mapping[str, Any]) -> TaskImport:
    """Keep what its owner decided of splits, names and what stays out."""
    record = import_get(import_id=import_id, by=by)
    splits = {
        str(group): str(split) for group, split in choices.get("splits", {}).items() if split in TaskSource.values
    }
    kept = {
        "splits": splits,
        "by_name": bool(choices.get("by_name")),
        "propose": bool(choices.get("propose")),
        "without": sorted(set(choices.get("without", ())))[:50_000],
    }
    if not TaskImport.objects.filter(pk=record.pk, state=ImportState.READY).update(choices=kept):
        raise Conflict("This upload is being imported already, or was.")
    record.choices = kept
    return record


def import_confirm(*, import_id: str, by: User) -> TaskImport | ImportReport:
    """Import what was read: a report when that could be done now, else the import, whose job goes on."""
    record = import_get(import_id=import_id, by=by)
    with closing(shelf_of(record)) as shelf:
        total = sum(1 for one in incomings(shelf, terms_of(record)) if isinstance(one, Incoming))
        if not total:
            raise Invalid(NOTHING_LEFT, field="without")
        with transaction.atomic():
            _to_writing(record, total)
            if total > WRITE_AT_ONCE:
                record.job = _enqueue(WRITE_KIND, record)
                record.save(update_fields=["job"])
                return record
        try:
            terms = terms_of(record)
            return import_write(record=record, found=lambda: _found(shelf, terms, record.number))
        except BaseException:
            TaskImport.objects.filter(pk=record.pk, is_shown=False).update(state=ImportState.READY)
            raise


def _to_writing(record: TaskImport, total: int) -> None:
    ready = TaskImport.objects.filter(pk=record.pk, state=ImportState.READY)
    if not ready.update(state=ImportState.WRITING, total=total, written=0):
        raise Conflict("This upload is being imported already, or was.")
    record.state, record.total, record.written = ImportState.WRITING, total, 0


def shelf_import(*, shelf: Shelf, terms: Terms, by: User | None) -> ImportReport:
    """Write what a shelf holds, but for what has problems, in this process."""
    total = sum(1 for one in incomings(shelf, terms) if isinstance(one, Incoming))
    if not total:
        raise Invalid(NOTHING_LEFT)
    record = TaskImport.objects.create(owner=by, dataset=terms.dataset, state=ImportState.WRITING, total=total)
    try:
        return import_write(record=record, found=lambda: _found(shelf, terms, record.number))
    finally:
        _forget(record)


def _found(shelf: Shelf, terms: Terms, own: int) -> Iterator[Incoming]:
    """What can be written; what cannot was shown in the preview and stays out."""
    fills = []
    for one in incomings(shelf, terms):
        if isinstance(one, Incoming):
            if one.outputs is None:
                yield one
            else:
                fills.append(one)
    yield from (one.incoming for one in decide_all(fills, own=own) if not one.problem)


def import_reopen(*, import_id: str, by: User) -> None:
    """Look again at an upload whose import failed; nothing of it was imported."""
    record = import_get(import_id=import_id, by=by)
    shelf_of(record).close()
    import_hide(record=record)
    failed = TaskImport.objects.filter(pk=record.pk, state=ImportState.FAILED, is_shown=False)
    if not failed.update(state=ImportState.READY, error="", finished_at=None):
        raise Conflict("This import did not fail.")


def import_discard(*, import_id: str, by: User) -> None:
    """Forget an upload that has not been imported; its job is cancelled."""
    record = import_get(import_id=import_id, by=by)
    if record.is_shown:
        raise Conflict("This upload has been imported.")
    if record.job is not None and not record.job.is_terminal:
        job_cancel(job=record.job, by=by)
    _forget(record)


def import_forget(*, record: TaskImport) -> None:
    """Keep nothing of an import that is done; its tasks stay."""
    if TaskImport.objects.filter(pk=record.pk, state=ImportState.DONE).exists():
        _forget(record)


def _forget(record: TaskImport) -> None:
    """In this order: who writes it stops, its hidden rows go, and only then is it forgotten that they were hidden."""
    TaskImport.objects.filter(pk=record.pk, is_shown=False).update(state=ImportState.FAILED, writer="")
    import_hide(record=record)
    TaskImport.objects.filter(pk=record.pk).delete()
    shutil.rmtree(folder_of(record.pk), ignore_errors=True)


def imports_look_after() -> int:
    """Forget imports of yesterday, and files and rows that nobody knows any more. Safe at any moment, in any number."""
    ended = 0
    for record in TaskImport.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).select_related("job"):
        if record.job is None or record.job.is_terminal:
            _forget(record)
            ended += 1
    folder = folder_of("x").parent
    old = (timezone.now() - KEPT_FOR).timestamp()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.stat().st_mtime < old and not TaskImport.objects.filter(pk=path.name).exists():
            shutil.rmtree(path, ignore_errors=True)
            ended += 1
    return ended


# --- the jobs' side ---------------------------------------------------------------------------------------------------


def write_by_job(job: Job, *, progress: Callable[[int, int], bool]) -> bool:
    """Write the import a job was made for. False when `progress` said to stop, or another worker took it over."""
    record = TaskImport.objects.filter(pk=job.payload.get("import_id")).first()
    if record is None:
        raise NotFound(GONE)
    if record.state == ImportState.DONE:
        return True
    writer = f"{job.pk}:{job.attempt}"
    try:
        if record.sets:
            found = [one for name in record.sets for one in canonical_set(name)]
            TaskImport.objects.filter(pk=record.pk).update(total=len(found))
            record.total = len(found)
            import_write(record=record, found=lambda: found, writer=writer, goes_on=progress)
        else:
            with closing(shelf_of(record)) as shelf:
                if record.at_once:
                    _refuse_troubles(shelf, record)
                terms = terms_of(record)
                import_write(
                    record=record,
                    found=lambda: _found(shelf, terms, record.number),
                    writer=writer,
                    goes_on=progress,
                )
    except Superseded:
        return False
    record.refresh_from_db(fields=["state"])
    return record.state == ImportState.DONE


def _refuse_troubles(shelf: Shelf, record: TaskImport) -> None:
    """Nobody will look: what has problems is imported only by somebody who said to leave them out."""
    found = list(islice(troubles(shelf, terms_of(record), own=record.number), 2))
    if found and not record.skip_invalid:
        raise Invalid(f"{found[0].words}{' There are more problems like this.' if len(found) > 1 else ''}")
    if not any(isinstance(one, Incoming) for one in incomings(shelf, terms_of(record))):
        raise Invalid(NOTHING_LEFT)


def on_read_finish(finished: Sequence[Finished]) -> None:
    """What was read can be looked at, or is imported at once where that was asked for."""
    for end in finished:
        record = TaskImport.objects.filter(job_id=end.job.pk, state=ImportState.READING).first()
        if record is None:
            continue
        if end.outcome != JobStatus.COMPLETED:
            _fail(record, end)
            continue
        TaskImport.objects.filter(pk=record.pk).update(state=ImportState.READY)
        if record.at_once:
            _to_writing(record, int((end.result or {}).get("tasks", 0)))
            record.job = _enqueue(WRITE_KIND, record)
            record.save(update_fields=["job"])


def on_write_finish(finished: Sequence[Finished]) -> None:
    """A job that ended without having written all leaves nothing behind that could be seen."""
    for end in finished:
        record = TaskImport.objects.filter(job_id=end.job.pk, state=ImportState.WRITING).first()
        if record is not None:
            _fail(record, end)


def _fail(record: TaskImport, end: Finished) -> None:
    words = end.error_message or ("It was cancelled." if end.outcome == JobStatus.CANCELLED else "It did not end well.")
    TaskImport.objects.filter(pk=record.pk).update(
        state=ImportState.FAILED, error=words[:2_000], finished_at=timezone.now()
    )


def on_retry(old: Job, new: Job) -> None:
    """The import's new job takes it up where the old one left it."""
    state = ImportState.READING if old.kind == READ_KIND else ImportState.WRITING
    failed = TaskImport.objects.filter(job_id=old.pk, state=ImportState.FAILED)
    if not failed.update(job=new, state=state, error="", finished_at=None):
        raise Conflict("This import does not want to be done again.")
