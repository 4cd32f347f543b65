"""What the jobs of datasets end with, written in the transaction that ends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.core.artefacts import artefact_record
from apps.core.engine.artefacts import Stored, digest
from apps.core.errors import Conflict
from apps.core.jobs.kinds import Finished
from apps.core.models import Job, JobStatus
from apps.training.engine.faults import Fault, Unusable
from apps.training.engine.mapping import mapped
from apps.training.models import Dataset, DatasetState
from apps.training.services.datasets import LOOK_KIND, OPEN, begin_reading

_JSONL = "application/x-ndjson"


def on_look_finish(finished: Sequence[Finished]) -> None:
    """What was found in the beginning; then all of it is read, or somebody is asked what the columns mean."""
    for end in finished:
        dataset = _open_one(end.job, end)
        if dataset is None:
            continue
        found = end.result or {}
        if found.get("faults"):
            _fail(dataset, found)
            continue
        looked = {name: found.get(name) for name in ("format", "columns", "sample")}
        recipe = {**dataset.recipe, "guess": found.get("guess")}
        Dataset.objects.filter(pk=dataset.pk).update(**looked, recipe=recipe)
        dataset.refresh_from_db()
        said = recipe.get("mapping") or (None if recipe.get("look_first") else recipe["guess"])
        if said is None:
            Dataset.objects.filter(pk=dataset.pk).update(state=DatasetState.MAPPING)
            continue
        try:
            chosen = mapped(said, dataset.columns)
        except Unusable as wrong:
            _fail(dataset, {"faults": [Fault(wrong.code, wrong.words, 0, wrong.field).told()], "fault_count": 1})
            continue
        begin_reading(dataset, {**recipe, "mapping": chosen.told()})


def on_made_finish(finished: Sequence[Finished]) -> None:
    """All examples are there, or none: of an upload, of tasks, of answers, and of both parts of a split."""
    for end in finished:
        ids = [end.job.payload.get("dataset_id"), end.job.payload.get("other_id")]
        for dataset_id, name in zip(ids, ("made", "other"), strict=True):
            dataset = _open_one(end.job, end, dataset_id) if dataset_id else None
            if dataset is None:
                continue
            found = end.result or {}
            if found.get("faults"):
                _fail(dataset, found)
            else:
                _keep(dataset, found[name])


def _open_one(job: Job, end: Finished, dataset_id: str | None = None) -> Dataset | None:
    """The dataset a job was made for, if that still waits for it; a job that did not end well fails it."""
    wanted = dataset_id or job.payload.get("dataset_id")
    dataset = Dataset.objects.filter(pk=wanted, job_id=job.pk, state__in=OPEN).first()
    if dataset is not None and end.outcome != JobStatus.COMPLETED:
        words = end.error_message or ("Cancelled." if end.outcome == JobStatus.CANCELLED else "It did not end well.")
        _fail(dataset, {"error": words})
        return None
    return dataset


def _fail(dataset: Dataset, found: Mapping[str, Any]) -> None:
    faults = list(found.get("faults", []))
    count = int(found.get("fault_count", len(faults)))
    error = str(found.get("error") or "")
    if faults and not error:
        first = Fault(**faults[0]).sentence(str(found.get("unit") or "Line"))
        error = f"{first}." if count == 1 else f"{first}. And {count - 1:,} more like this."
    Dataset.objects.filter(pk=dataset.pk).update(
        state=DatasetState.FAILED,
        error=error[:2_000],
        faults=faults,
        fault_count=count,
        finished_at=Now(),
    )


def _keep(dataset: Dataset, made: Mapping[str, Any]) -> None:
    """The files and what is known of them; content that this name has already makes no new version."""
    stored = {name: Stored(digest(made[name]["sha256"]), int(made[name]["size"])) for name in ("examples", "places")}
    try:
        with transaction.atomic():
            examples = artefact_record(stored=stored["examples"], media_type=_JSONL)
            places = artefact_record(stored=stored["places"])
            columns: dict[str, Any] = (
                {"columns": made["columns"], "sample": made["sample"]} if "columns" in made else {}
            )
            Dataset.objects.filter(pk=dataset.pk).update(
                state=DatasetState.READY,
                examples=examples,
                places=places,
                shape=made["shape"],
                num_samples=made["count"],
                statistics=made["statistics"],
                size_bytes=dataset.size_bytes or stored["examples"].size,
                finished_at=Now(),
                **columns,
            )
    except IntegrityError:
        same = Dataset.objects.filter(name=dataset.name, examples_id=stored["examples"].sha256).first()
        if same is None:
            raise
        _fail(dataset, {"error": f"The content is that of {same} already ({same.pk}): there is nothing new in it."})


def on_tokens_finish(finished: Sequence[Finished]) -> None:
    """Token counts, beside what was counted before."""
    for end in finished:
        dataset = Dataset.objects.filter(pk=end.job.payload.get("dataset_id"), job_id=end.job.pk).first()
        if dataset is None or not dataset.is_ready:
            continue
        if end.outcome != JobStatus.COMPLETED or end.result is None:
            Dataset.objects.filter(pk=dataset.pk).update(
                error=f"Tokens were not counted: {end.error_message or end.outcome}"
            )
            continue
        tokens = end.result["tokens"]
        statistics = {**dataset.statistics, "total_tokens": tokens["total"], "tokens": tokens}
        Dataset.objects.filter(pk=dataset.pk).update(statistics=statistics, tokenizer=tokens["tokenizer"], error="")


def on_retry(old: Job, new: Job) -> None:
    """A dataset that failed without a fault of its file is read again."""
    state = DatasetState.LOOKING if old.kind == LOOK_KIND else DatasetState.READING
    failed = Dataset.objects.filter(job_id=old.pk, state=DatasetState.FAILED)
    if not failed.update(job=new, state=state, error="", faults=[], fault_count=0, finished_at=None):
        raise Conflict("This dataset does not want to be read again.")
