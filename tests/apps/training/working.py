"""A worker for these tests: takes jobs of datasets one after the other and ends them as the job layer would."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.artefacts import artefact_store
from apps.core.jobs import kinds
from apps.core.jobs.kinds import Finished
from apps.core.jobs.reports import Usage
from apps.core.models import Job, JobStatus, User
from apps.training.models import Dataset
from apps.training.services import datasets
from workers import datasets as runner

WORK = {
    "dataset_look": (runner.prepare_look, runner.look),
    "dataset_import": (runner.prepare_import, runner.take_in),
    "dataset_build": (runner.prepare_build, runner.build),
    "dataset_split": (runner.prepare_split, runner.split),
    "dataset_tokens": (runner.prepare_tokens, runner.count_tokens),
}


def run_jobs() -> list[Job]:
    """Do what is queued, and what that queues."""
    done = []
    while (job := Job.objects.filter(status=JobStatus.QUEUED, kind__in=WORK).order_by("pk").first()) is not None:
        done.append(run_job(job))
    return done


def run_job(job: Job) -> Job:
    """Do one job."""
    now = timezone.now()
    lease = now + timedelta(seconds=60)
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.RUNNING, attempt=1, worker="test", lease_expires_at=lease, started_at=now
    )
    job.refresh_from_db()
    prepare, work = WORK[job.kind]
    outcome, result, error = JobStatus.COMPLETED, None, ""
    try:
        task = json.loads(json.dumps(prepare(job).arguments))
        result = json.loads(json.dumps(work(task, lambda _kind, _payload: None)))
    except Exception as raised:
        outcome, error = JobStatus.FAILED, str(raised)
    end_job(job, outcome, result=result, error=error)
    return job


def end_job(job: Job, outcome: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    """End a job in one transaction with its hook."""
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(
            status=outcome, finished_at=timezone.now(), lease_expires_at=None, worker="", error_message=error
        )
        job.refresh_from_db()
        on_finish = kinds.get(job.kind).on_finish
        assert on_finish is not None
        on_finish([Finished(job=job, outcome=str(outcome), usage=Usage(), result=result, error_message=error)])


def jsonl(*rows: Any) -> bytes:
    """Rows as lines of JSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def sums(count: int, start: int = 0) -> bytes:
    """So many examples."""
    return jsonl(
        *({"instruction": "Add", "input": f"{n} 1", "output": f"{n + 1}"} for n in range(start, start + count))
    )


def begun(by: User, data: bytes, name: str = "Sums", **more: Any) -> Dataset:
    """A dataset of bytes, not yet looked at."""
    stored = artefact_store(source=io.BytesIO(data))
    return datasets.dataset_begin(name=name, stored=stored, file_name="sums.jsonl", by=by, **more)


def ready(by: User, data: bytes | None = None, name: str = "Sums", **more: Any) -> Dataset:
    """A dataset after all its jobs."""
    dataset = begun(by, sums(30) if data is None else data, name, **more)
    run_jobs()
    dataset.refresh_from_db()
    return dataset
