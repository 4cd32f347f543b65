"""Uploads for the tests of imports, and a way to run their jobs without a worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone

from apps.core.jobs import kinds
from apps.core.jobs.kinds import Finished
from apps.core.jobs.reports import Usage
from apps.core.models import Job, JobStatus
from tests.engines.intake.files import data_of
from workers import imports as runner

API = "/api/v1/tasks"


def parts(files: Mapping[str, Any]) -> list[SimpleUploadedFile]:
    """Files of a form."""
    return [SimpleUploadedFile(name, data_of(value)) for name, value in files.items()]


def by_page(client: Client, files: Mapping[str, Any], **fields: Any) -> str:
    """Send the form; the address of the import."""
    sent = client.post(
        "/tasks/import/", {"dataset": "lab", "folder": parts(files), "paths": json.dumps(list(files)), **fields}
    )
    assert sent.status_code == 302, sent.content.decode()
    return str(sent["Location"])


def by_api(client: Client, files: Mapping[str, Any], **fields: Any) -> Any:
    """Import files at once."""
    return client.post(f"{API}/import/files", {"dataset": "lab", "files": parts(files), "paths": list(files), **fields})


def preview(client: Client, files: Mapping[str, Any], **fields: Any) -> Any:
    """Upload for a look."""
    sent = client.post(f"{API}/imports", {"dataset": "lab", "files": parts(files), "paths": list(files), **fields})
    assert sent.status_code == 201, sent.content.decode()
    return sent.json()


def send(client: Client, path: str, value: Any) -> Any:
    """A JSON body, as it is when it is text."""
    body = value if isinstance(value, str) else json.dumps(value)
    return client.post(f"{API}{path}", body, content_type="application/json")


def run_jobs(*, most: int = 10) -> list[Job]:
    """Do what waits as a worker would: prepare, work, settle. The jobs done, in order."""
    done = []
    for _ in range(most):
        job = Job.objects.filter(status=JobStatus.QUEUED).order_by("pk").first()
        if job is None:
            break
        done.append(run_job(job))
    return done


def run_job(job: Job) -> Job:
    """Do one job."""
    lease = timezone.now() + timedelta(seconds=60)
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.RUNNING,
        attempt=job.attempt + 1,
        worker="test",
        lease_expires_at=lease,
        started_at=timezone.now(),
    )
    job.refresh_from_db()
    prepare, work = {
        "import_read": (runner.prepare_read, runner.read),
        "import_write": (runner.prepare_write, runner.wrote),
    }[job.kind]
    outcome, result, error = JobStatus.COMPLETED, None, ""
    try:
        task = json.loads(json.dumps(prepare(job).arguments))
        result = work(task, lambda _kind, _payload: None)
    except Exception as raised:
        outcome, error = JobStatus.FAILED, str(raised)
    end_job(job, outcome, result=result, error=error)
    return job


def end_job(job: Job, outcome: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    """End a job as the job layer would: one transaction with its hook."""
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(
            status=outcome, finished_at=timezone.now(), lease_expires_at=None, worker="", error_message=error
        )
        job.refresh_from_db()
        on_finish = kinds.get(job.kind).on_finish
        assert on_finish is not None
        on_finish([Finished(job=job, outcome=str(outcome), usage=Usage(), result=result, error_message=error)])
