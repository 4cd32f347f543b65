"""What this app tells the apps below it, once, when Django is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.core.jobs import kinds, upkeep
from apps.core.jobs.kinds import Kind, Subject
from apps.core.models import Job
from apps.training import dataset_page, run_wiring, search
from apps.training.models import Dataset
from apps.training.services import datasets, finishing, uploads

_RUNNER = "workers.datasets"


def register() -> None:
    """Make kinds of job, live pages, the search and the upkeep known."""
    for name, title, on_finish in (
        (datasets.LOOK_KIND, "Look at a dataset", finishing.on_look_finish),
        (datasets.IMPORT_KIND, "Read a dataset", finishing.on_made_finish),
        (datasets.BUILD_KIND, "Make a dataset", finishing.on_made_finish),
        (datasets.SPLIT_KIND, "Split a dataset", finishing.on_made_finish),
    ):
        kinds.register(
            Kind(
                name=name,
                title=title,
                runner=_RUNNER,
                subjects=dataset_subjects,
                on_finish=on_finish,
                on_retry=finishing.on_retry,
            )
        )
    kinds.register(
        Kind(
            name=datasets.TOKENS_KIND,
            title="Count tokens",
            runner=_RUNNER,
            subjects=dataset_subjects,
            on_finish=finishing.on_tokens_finish,
        )
    )
    upkeep.register("uploads of yesterday", uploads.uploads_look_after)
    dataset_page.register()
    search.register()
    run_wiring.register()


def dataset_subjects(jobs: Sequence[Job]) -> Mapping[str, Subject]:
    """What jobs of datasets are about. The address is written out: workers, who ask too, know no pages."""
    ids = {job.pk: str(job.payload.get("parent_id") or job.payload.get("dataset_id", "")) for job in jobs}
    found = Dataset.objects.only("name", "version").in_bulk(list(set(ids.values())))
    return {
        job_id: Subject(title=str(found[dataset_id]), url=f"/training/datasets/{dataset_id}/")
        for job_id, dataset_id in ids.items()
        if dataset_id in found
    }
