"""The far end of `tests.workers.fleet`: a process with Django on the fleet's database that does what it is told.

One JSON object a line in, one out: `{"do": name, ...arguments}` gives `{"ok": value}` or `{"error": text}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.core import jobs  # noqa: E402
from apps.core.artefacts import artefact_record, artefact_store  # noqa: E402
from apps.core.jobs import doorbell  # noqa: E402
from apps.core.metrics import series_of  # noqa: E402
from apps.core.models import (  # noqa: E402
    Job,
    JobAttempt,
    JobEvent,
    MetricPoint,
    Service,
    SystemEvent,
    User,
    Worker,
)
from apps.core.serving import address_of, service_restart, service_touch, service_unwant, service_want  # noqa: E402
from apps.training.documents import TrainingJobCreate  # noqa: E402
from apps.training.models import Dataset, TrainingJob  # noqa: E402
from apps.training.services.runs import training_job_create  # noqa: E402
from tests.patience import until  # noqa: E402
from tests.workers import chores  # noqa: E402

chores.register()
chores.register_services()


def _owner() -> User:
    return User.objects.get_or_create(username="fleet")[0]


def _job(job_id: str) -> Job:
    return Job.objects.get(pk=job_id)


def enqueue(kind: str, payload: dict[str, Any] | None = None, count: int = 1, **options: Any) -> list[str]:
    """Ids of new jobs."""
    specs = [jobs.JobSpec(kind, payload or {}, **options) for _ in range(count)]
    return [job.pk for job in jobs.jobs_enqueue(specs=specs, owner=_owner())]


def enqueue_close_together(kind: str, gap: float) -> None:
    """Put in two jobs, the second too soon to be rung for again; returns when that one has started."""
    enqueue(kind)
    time.sleep(gap)
    [second] = enqueue(kind)
    until(lambda: _job(second).started_at is not None, "the second waits although a worker is free")


def enqueue_each_rung(kind: str, count: int) -> None:
    """Put in jobs that are each rung for, as if they came one after the other."""
    usual, doorbell.MIN_INTERVAL = doorbell.MIN_INTERVAL, -1.0
    for _ in range(count):
        enqueue(kind)
    doorbell.MIN_INTERVAL = usual


def let_it_be_late(job_id: str) -> None:
    """Its deadline is now."""
    Job.objects.filter(pk=job_id).update(deadline_at=timezone.now())


def act(name: str, job_id: str) -> str:
    """`cancel`, `pause`, `resume`, `stop_early` or `retry` a job; its id, or the new one's."""
    functions = {
        "cancel": jobs.job_cancel,
        "pause": jobs.job_pause,
        "resume": jobs.job_resume,
        "stop_early": jobs.job_stop_early,
        "retry": jobs.job_retry,
    }
    job: Job = functions[name](job=_job(job_id), by=_owner())
    return job.pk


def job(job_id: str) -> dict[str, Any]:
    """A job with its executions, its events, its latest metrics and the steps it measured."""
    fields = (
        "status",
        "attempt",
        "kills",
        "error_code",
        "error_message",
        "progress",
        "checkpoint",
        "checkpoint_attempt",
    )
    row: dict[str, Any] = dict(Job.objects.filter(pk=job_id).values(*fields).get())
    attempts = JobAttempt.objects.filter(job_id=job_id).order_by("number")
    columns = ("number", "outcome", "worker", "host", "cpu_seconds", "wall_seconds", "peak_memory_mb", "stack_trace")
    row["attempts"] = list(attempts.values(*columns))
    row["metrics"] = list(series_of([job_id]).values("key", "last_step", "last_value", "last_nonfinite", "written"))
    row["steps"] = sorted(set(MetricPoint.objects.filter(series__job=job_id).values_list("step", flat=True)))
    row["events"] = list(JobEvent.objects.filter(job_id=job_id).order_by("seq").values("seq", "type", "payload"))
    return row


def statuses(job_ids: list[str]) -> list[str]:
    """Their statuses, in this order."""
    found = dict(Job.objects.filter(pk__in=job_ids).values_list("pk", "status"))
    return [found[job_id] for job_id in job_ids]


def workers() -> list[str]:
    """Names of the workers that are written down."""
    return list(Worker.objects.order_by("name").values_list("name", flat=True))


def worker(name: str) -> dict[str, Any]:
    """A worker as it is written down."""
    row = Worker.objects.get(name=name)
    return {"host": row.host, "boot_id": row.boot_id, "slots": row.slots, "warming": row.warming}


def system_events(job_id: str) -> int:
    """How many system events tell of a job."""
    return SystemEvent.objects.filter(dedupe_key__startswith=f"job:{job_id}").count()


def want(kind: str, key: str = "", specification: dict[str, Any] | None = None) -> str:
    """The id of a service that is wanted."""
    return service_want(kind=kind, key=key, specification=specification, by=_owner()).pk


def serve(name: str, service_id: str) -> None:
    """`unwant`, `restart` or `touch` a service."""
    if name == "touch":
        service_touch(service_id=service_id)
    else:
        functions = {"unwant": service_unwant, "restart": service_restart}
        functions[name](service=Service.objects.get(pk=service_id), by=None)


def service(service_id: str) -> dict[str, Any]:
    """A service as it stands, where it is reached, and each change of it."""
    fields = (
        *("status", "wanted", "token", "keeper", "host", "pid", "port", "deaths", "restarts", "error_code"),
        *("error_message", "last_words", "used_memory_mb", "revision", "running_revision"),
    )
    row: dict[str, Any] = dict(Service.objects.filter(pk=service_id).values(*fields).get())
    address = address_of(Service.objects.get(pk=service_id))
    row["address"] = address and {"url": address.url, "socket": address.socket, "headers": address.headers}
    changes = JobEvent.objects.filter(topic=service_id, type="service_change").order_by("xid", "id")
    row["changes"] = [(one["state"], one.get("reason", "")) for one in changes.values_list("payload", flat=True)]
    return row


def train(name: str, request: dict[str, Any]) -> list[str]:
    """A training run over a few examples: its id and that of its job."""
    lines = [json.dumps({"instruction": "mirror", "input": f"{n}12", "output": f"21{n}"}) + "\n" for n in range(8)]
    examples = artefact_record(stored=artefact_store(source=[line.encode() for line in lines]))
    ready = {"state": "ready", "shape": "instruction", "num_samples": 8, "finished_at": timezone.now()}
    dataset, _ = Dataset.objects.get_or_create(name="Mirrors", defaults={**ready, "examples": examples})
    whole = {"name": name, "dataset_id": dataset.pk, "eval_dataset_id": dataset.pk, "output_dir": name, **request}
    run = training_job_create(spec=TrainingJobCreate.model_validate(whole), by=_owner())
    return [run.pk, str(run.job_id)]


def training(training_id: str) -> dict[str, Any]:
    """A training run: its state, its checkpoints' steps and its curves."""
    run = TrainingJob.objects.get(pk=training_id)
    points = MetricPoint.objects.filter(series__job=run.job_id).order_by("series__key", "step")
    return {
        "status": run.status,
        "error": run.error_message,
        "total_steps": run.total_steps,
        "model_id": run.model_id,
        "result": run.result_id,
        "checkpoints": list(run.checkpoints.order_by("step").values_list("step", flat=True)),
        "points": [list(point) for point in points.values_list("series__key", "step", "value")],
    }


DO = {
    function.__name__: function
    for function in (
        enqueue,
        enqueue_close_together,
        enqueue_each_rung,
        let_it_be_late,
        act,
        job,
        serve,
        service,
        statuses,
        want,
        worker,
        workers,
        system_events,
        train,
        training,
    )
}


def main() -> None:
    """Answer until nobody asks."""
    for line in sys.stdin:
        message = json.loads(line)
        try:
            answer: dict[str, Any] = {"ok": DO[message.pop("do")](**message)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        if connection.vendor == "postgresql":
            connection.close()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
