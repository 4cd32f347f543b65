"""Tasks in bulk, as a zip that imports back exactly: content, splits, datasets with their versions, metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from apps.core.engine.zips import zip_parts
from apps.core.streaming import Download
from apps.tasks.engine.intake.shapes import MANIFEST
from apps.tasks.models import ArcTask

_BATCH = 100


def tasks_download(tasks: QuerySet[ArcTask], *, include_truth: bool) -> Download:
    """A zip of these tasks; read from the database in batches."""
    return Download(
        zip_parts(task_files(tasks, include_truth=include_truth)), name="tasks.zip", content_type="application/zip"
    )


def task_files(tasks: QuerySet[ArcTask], *, include_truth: bool) -> Iterator[tuple[str, bytes]]:
    """`terrarium.json`, which says whose folders these are, and `<folder>/<split>/<raw id>.json` for each task.

    A folder is a dataset; what came under further versions of it lies in folders of its own.
    """
    found = ArcTask.objects.filter(pk__in=tasks.order_by().values("pk"))
    pairs = found.order_by("dataset", "dataset_version").values_list("dataset", "dataset_version").distinct()
    folders: dict[tuple[str, str], str] = {}
    for dataset, version in pairs:
        number = sum(1 for known, _ in folders if known == dataset)
        folders[dataset, version] = f"{dataset} {number + 1}" if number else dataset
    about = [{"folder": name, "dataset": pair[0], "version": pair[1]} for pair, name in folders.items()]
    yield "terrarium.json", json.dumps({"format": MANIFEST, "folders": about}).encode()
    names = ("raw_id", "dataset", "dataset_version", "task_source", "train_examples", "tests", "metadata")
    last = ""
    while True:
        batch = list(found.filter(pk__gt=last).order_by("pk").values_list("pk", *names)[:_BATCH])
        for pk, raw_id, dataset, version, source, train, tests, metadata in batch:
            last = pk
            shown = [_pair(test, include_truth) for test in tests]
            content = {"train": train, "test": shown} | ({"metadata": metadata} if metadata else {})
            yield (
                f"{folders[dataset, version]}/{source}/{raw_id}.json",
                json.dumps(content, separators=(",", ":")).encode(),
            )
        if len(batch) < _BATCH:
            return


def _pair(test: dict[str, Any], include_truth: bool) -> dict[str, Any]:
    known = include_truth and test["output"] is not None
    return {"input": test["input"]} | ({"output": test["output"]} if known else {})
