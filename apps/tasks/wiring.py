"""What this app tells the apps below it, once, when Django is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.core.jobs import kinds, upkeep
from apps.core.jobs.kinds import Kind, Subject
from apps.core.models import Job
from apps.tasks import import_page, search, tabs
from apps.tasks.models import TaskImport
from apps.tasks.services import imports


def register() -> None:
    """Make the tabs of a task, its part of the search, the kinds of job and the upkeep known."""
    tabs.register()
    search.register()
    import_page.register()
    for name, title, on_finish in (
        (imports.READ_KIND, "Read task files", imports.on_read_finish),
        (imports.WRITE_KIND, "Import tasks", imports.on_write_finish),
    ):
        kinds.register(
            Kind(
                name=name,
                title=title,
                runner="workers.imports",
                subjects=import_subjects,
                on_finish=on_finish,
                on_retry=imports.on_retry,
            )
        )
    upkeep.register("imports of yesterday", imports.imports_look_after)


def import_subjects(jobs: Sequence[Job]) -> Mapping[str, Subject]:
    """What jobs of an import are about. The address is written out: workers, who ask too, know no pages."""
    ids = {job.pk: str(job.payload.get("import_id", "")) for job in jobs}
    found = TaskImport.objects.in_bulk(list(ids.values()))
    return {
        job_id: Subject(title=f"Tasks into {found[import_id].dataset}", url=f"/tasks/import/{import_id}/")
        for job_id, import_id in ids.items()
        if import_id in found
    }
