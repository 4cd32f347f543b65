"""Bringing datasets in, telling what their columns mean, dividing, describing and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError

from apps.core.access import require_owner, require_role
from apps.core.artefacts import artefact_record
from apps.core.engine.artefacts import Stored
from apps.core.errors import Conflict, Invalid
from apps.core.jobs import SOON, job_cancel, job_enqueue
from apps.core.models import Job, Role, User
from apps.training.engine.faults import Unusable
from apps.training.engine.mapping import mapped
from apps.training.models import Dataset, DatasetFormat, DatasetOrigin, DatasetState
from apps.training.queries.datasets import uses

LOOK_KIND, IMPORT_KIND, BUILD_KIND, SPLIT_KIND, TOKENS_KIND = (
    *("dataset_look", "dataset_import", "dataset_build", "dataset_split"),
    "dataset_tokens",
)
MAX_DESCRIPTION = 10_000
OPEN = (DatasetState.LOOKING, DatasetState.READING)
_MAX_TOKENIZER = 200


def checked_name(name: str) -> str:
    """A name that can be given."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200:
        raise Invalid("A name has 1 to 200 characters.", field="name")
    return name


def enqueue(kind: str, dataset: Dataset, **more: Any) -> Job:
    """A job about a dataset, whose topic moves its page."""
    payload = {"dataset_id": dataset.pk, **more}
    return job_enqueue(kind=kind, payload=payload, owner=dataset.owner, topic=dataset.pk, priority=SOON)


def dataset_row(*, name: str, by: User | None, **columns: Any) -> Dataset:
    """The next version under a name, in the caller's transaction. Two who take the same number at once: one tries again."""
    name = checked_name(name)
    if len(columns.get("description", "")) > MAX_DESCRIPTION:
        raise Invalid(f"A description has at most {MAX_DESCRIPTION:,} characters.", field="description")
    for _ in range(5):
        newest = Dataset.objects.filter(name=name).aggregate(n=Max("version"))["n"] or 0
        try:
            with transaction.atomic():
                return Dataset.objects.create(name=name, version=newest + 1, owner=by, **columns)
        except IntegrityError:
            continue
    raise Conflict(f"Several are giving {name} a new version at this moment. Try again.")


def dataset_begin(
    *,
    name: str,
    stored: Stored,
    file_name: str,
    by: User | None,
    description: str = "",
    format: str = "",
    mapping: Mapping[str, Any] | None = None,
    look_first: bool = False,
) -> Dataset:
    """A dataset from a file in the store: its beginning is looked at by a job, then all of it is read.

    Without a `mapping` the columns' names decide; where they do not say enough, or with `look_first`, it waits to be told.
    """
    if by is not None:
        require_role(by, Role.RESEARCHER)
    if format and format not in DatasetFormat.values:
        raise Invalid(f"The format is one of {', '.join(DatasetFormat.values)}.", field="format")
    recipe = {"said_format": format, "look_first": look_first, **({"mapping": dict(mapping)} if mapping else {})}
    with transaction.atomic():
        source = artefact_record(stored=stored)
        dataset = dataset_row(
            name=name,
            by=by,
            description=description,
            source=source,
            size_bytes=stored.size,
            file_name=file_name[:255],
            recipe=recipe,
        )
        dataset.job = enqueue(LOOK_KIND, dataset)
        dataset.save(update_fields=["job"])
    return dataset


def dataset_map(*, dataset: Dataset, mapping: Mapping[str, Any], by: User) -> Dataset:
    """Say what the columns mean; all of the file is read now. Also after faults, for another try."""
    require_owner(by, dataset.owner_id)
    if not dataset.columns:
        raise Conflict("There are no columns to choose from: the file could not be read. Send it again.")
    try:
        chosen = mapped(mapping, dataset.columns)
    except Unusable as wrong:
        raise Invalid(f"{wrong.words[:1].upper()}{wrong.words[1:]}.", field=wrong.field) from None
    with transaction.atomic():
        begin_reading(dataset, {**dataset.recipe, "mapping": chosen.told()})
    return dataset


def begin_reading(dataset: Dataset, recipe: Mapping[str, Any]) -> None:
    """From looking, from being told, or from a failure to reading, in the caller's transaction."""
    waiting = Dataset.objects.filter(
        pk=dataset.pk, state__in=(DatasetState.LOOKING, DatasetState.MAPPING, DatasetState.FAILED), source__isnull=False
    )
    cleared: dict[str, Any] = {"error": "", "faults": [], "fault_count": 0, "finished_at": None}
    if not waiting.update(state=DatasetState.READING, recipe=dict(recipe), **cleared):
        raise Conflict("This dataset is being read already, or it is ready.")
    job = enqueue(IMPORT_KIND, dataset)
    Dataset.objects.filter(pk=dataset.pk).update(job=job)
    dataset.refresh_from_db()


def dataset_split(*, dataset: Dataset, fraction: float, seed: int, by: User) -> tuple[Dataset, Dataset]:
    """Two datasets out of one: most to train on, `fraction` to evaluate on. What belongs together stays together."""
    require_role(by, Role.RESEARCHER)
    if not 0 < fraction < 1:
        raise Invalid("The share to put aside is more than 0 and less than 1, such as 0.1.", field="fraction")
    if not 0 <= seed < 2**63:
        raise Invalid("The seed is a whole number from 0 up.", field="seed")
    if not dataset.is_ready:
        raise Conflict("Only a dataset that is ready can be split.")
    with transaction.atomic():
        parts = [
            dataset_row(
                name=f"{dataset.name[:190]} {part}",
                by=by,
                origin=DatasetOrigin.SPLIT,
                state=DatasetState.READING,
                parent=dataset,
                recipe=_recipe_of_part(dataset, part=part, fraction=fraction, seed=seed),
            )
            for part in ("train", "eval")
        ]
        job = enqueue(SPLIT_KIND, parts[0], other_id=parts[1].pk, parent_id=dataset.pk, fraction=fraction, seed=seed)
        Dataset.objects.filter(pk__in=[part.pk for part in parts]).update(job=job)
    for one in parts:
        one.refresh_from_db()
    return parts[0], parts[1]


def _recipe_of_part(dataset: Dataset, **more: Any) -> dict[str, Any]:
    """What it is part of stays known when that is gone."""
    return {**more, "of": {"dataset_id": dataset.pk, "name": str(dataset), "content_hash": dataset.content_hash}}


def dataset_count_tokens(*, dataset: Dataset, tokenizer: str, by: User) -> Job:
    """Count with a tokenizer, by a job; the dataset stays ready meanwhile."""
    require_role(by, Role.RESEARCHER)
    tokenizer = tokenizer.strip()
    if not 1 <= len(tokenizer) <= _MAX_TOKENIZER:
        raise Invalid("Name a tokenizer: a folder, or the id of a model.", field="tokenizer")
    if not dataset.is_ready:
        raise Conflict("Only a dataset that is ready can be counted.")
    with transaction.atomic():
        locked = Dataset.objects.select_for_update(of=("self",)).select_related("job").get(pk=dataset.pk)
        if locked.job is not None and not locked.job.is_terminal:
            raise Conflict("It is being counted already. Wait until that is done.")
        job = enqueue(TOKENS_KIND, dataset, tokenizer=tokenizer)
        Dataset.objects.filter(pk=dataset.pk).update(job=job)
    return job


def dataset_describe(*, dataset: Dataset, description: str, by: User) -> Dataset:
    """Change what is said of it; what it holds never changes."""
    require_owner(by, dataset.owner_id)
    if len(description) > MAX_DESCRIPTION:
        raise Invalid(f"A description has at most {MAX_DESCRIPTION:,} characters.", field="description")
    Dataset.objects.filter(pk=dataset.pk).update(description=description)
    dataset.description = description
    return dataset


def dataset_cancel(*, dataset: Dataset, by: User) -> None:
    """End what works on it; a dataset that was not ready then never is."""
    require_owner(by, dataset.owner_id)
    if dataset.job is None or dataset.job.is_terminal:
        raise Conflict("Nothing works on this dataset.")
    job_cancel(job=dataset.job, by=by)


def dataset_delete(*, dataset: Dataset, by: User) -> None:
    """Remove it; refused while anything needs it. Its files go when nothing else refers to them."""
    require_owner(by, dataset.owner_id)
    if (needed := uses(dataset)) and (words := ", ".join(needed[:5])):
        raise Conflict(
            f"{dataset} is in use by {words}{' and others' if len(needed) > 5 else ''}. Delete those first.",
            details={"used_by": needed[:100]},
        )
    if dataset.job is not None and not dataset.job.is_terminal:
        job_cancel(job=dataset.job, by=by)
    try:
        with transaction.atomic():
            Dataset.objects.filter(pk=dataset.pk).delete()
    except (ProtectedError, IntegrityError):
        raise Conflict(f"{dataset} has just come into use. Look again.") from None
