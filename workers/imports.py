"""The two kinds of job behind a large import: `import_read` and `import_write`.

Reading runs in a child without Django: it goes through what was sent and puts it on a shelf in the import's folder.
Writing is the worker's own, in many small transactions: only a worker touches the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.tasks.engine.intake.reading import read_sources
from apps.tasks.engine.intake.shelf import Shelf
from apps.tasks.engine.intake.spool import read_spool
from workers.runners import ChildTask, Runner
from workers.runners import register as register_runner

if TYPE_CHECKING:
    from apps.core.models import Job

Report = Callable[[str, Mapping[str, Any]], None]
MEMORY_MB = 512
"""Reading takes a tenth of it, whatever the size of the upload."""

WARM = ("workers.imports",)
_EVERY_SECONDS = 0.5


def prepare_read(job: Job) -> ChildTask:
    """Where what was sent lies."""
    from apps.tasks.services.imports import folder_of

    return ChildTask(entry="workers.imports:read", arguments={"folder": str(folder_of(job.payload["import_id"]))})


def read(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """In the child: read, settle, put away; how many tasks and problems there are."""
    folder = Path(arguments["folder"])
    sources, size = read_spool(folder)
    said = time.monotonic()

    def progress(done: int, tasks: int) -> None:
        nonlocal said
        if time.monotonic() - said > _EVERY_SECONDS:
            said = time.monotonic()
            report("progress", {"fraction": min(0.95, done / max(1, size)), "note": f"{tasks:,} tasks found"})

    with closing(Shelf()) as shelf:
        read_sources(sources, shelf, progress=progress)
        shelf.save(folder)
        problems = len(shelf.problems) + sum(1 for head in shelf.heads if head.problem)
        return {"tasks": len(shelf.heads), "problems": problems}


def prepare_write(job: Job) -> ChildTask:
    """Write it, here and now; nothing is left for the child but to say so."""
    from apps.tasks.services.imports import write_by_job

    return ChildTask(entry="workers.imports:wrote", arguments={"whole": write_by_job(job, progress=_teller(job))})


def _teller(job: Job) -> Callable[[int, int], bool]:
    """Says how far it is, now and then, and hears whether it should stop."""
    from django.utils import timezone

    from apps.core.jobs.lease import Fenced, speak
    from apps.core.jobs.reports import Progress, Said
    from apps.core.models import Job

    said = time.monotonic()

    def progress(done: int, total: int) -> bool:
        nonlocal said
        if time.monotonic() - said < _EVERY_SECONDS:
            return True
        said = time.monotonic()
        fraction = min(1.0, done / max(1, total))
        try:
            speak(
                job.pk,
                job.attempt,
                [Said(Progress(fraction=fraction, note=f"{done:,} of {total:,} tasks"), timezone.now())],
            )
        except Fenced:
            return False
        return not Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=False).exists()

    return progress


def wrote(arguments: dict[str, Any], _report: Report) -> dict[str, Any]:
    """In the child: the last word."""
    return arguments


register_runner(Runner(kind="import_read", prepare=prepare_read, memory_mb=MEMORY_MB, warm=WARM))
register_runner(Runner(kind="import_write", prepare=prepare_write, warm=WARM))
