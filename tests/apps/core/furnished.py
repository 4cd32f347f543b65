"""A lab with one of everything the API can name, all of it `olga`'s, for tests that walk every endpoint."""

from __future__ import annotations

import io

from django.utils import timezone

from apps.carbon.services import budget_create, budget_spec, usage_record
from apps.core.accounts import api_key_create
from apps.core.artefacts import artefact_record, artefact_store
from apps.core.jobs.kinds import AttemptEnd
from apps.core.jobs.reports import Usage
from apps.core.models import Job, Service
from apps.core.system_events import system_event_record
from apps.experiments.documents import ExperimentSpec
from apps.experiments.models import TaskSubmission
from apps.experiments.services import experiment_cancel, experiment_create, experiment_start
from apps.tasks.criteria import TaskCriteria
from apps.tasks.engine.formats import parse_task
from apps.tasks.engine.intake.archives import Source
from apps.tasks.models import ArcTask, TaskFamily, TaskSource
from apps.tasks.services import tasks_import
from apps.tasks.services.imports import import_begin
from apps.training.documents import TrainingJobCreate
from apps.training.models import Dataset, DatasetUpload
from apps.training.services.runs import training_job_create

from .conftest import People

GRID, OTHER = [[1, 0], [0, 1]], [[2, 2, 2]]
ARC = {
    "train": [{"input": GRID, "output": OTHER}, {"input": OTHER, "output": GRID}],
    "test": [{"input": GRID, "output": GRID}],
}


def furnish(people: People) -> dict[str, str]:
    """Make one of each; returns the id that stands for each path parameter."""
    tasks_import(
        tasks=[parse_task(ARC, raw_id) for raw_id in ("a", "b")],
        dataset="lab",
        source=TaskSource.TRAINING,
        dataset_version="1",
    )
    family = TaskFamily.objects.create(family_name="Mirrors", common_patterns=["symmetry"])
    ArcTask.objects.filter(pk="lab:a").update(family=family)
    spec = ExperimentSpec(
        name="Trial",
        strategy_configs={"program_synthesis": {}},
        task_selection_criteria=TaskCriteria(datasets=["lab"]),
        seconds_per_task=1.0,
    )
    over = experiment_create(spec=spec, by=people.owner)
    experiment_start(experiment=over, by=people.owner)
    over.refresh_from_db()
    experiment_cancel(experiment=over, by=people.owner)
    running = experiment_create(spec=spec, by=people.owner)
    experiment_start(experiment=running, by=people.owner)
    event = system_event_record(
        event_type="probe", event_source="tests", severity="error", message="Something", context={"a": 1}
    )
    ready = import_begin(
        files=[("a.json", 2, Source("a.json", lambda: io.BytesIO(b"{}")))],
        dataset="lab",
        source="",
        dataset_version="",
        by=people.curator,
    )
    key, _text = api_key_create(owner=people.owner, name="a key", scopes=["read"])
    job = Job.objects.filter(owner=people.owner, status="queued").order_by("job_id")[0]
    kept = artefact_record(stored=artefact_store(source=[b'{"instruction":"a","input":"","output":"b"}\n']))
    places = artefact_record(stored=artefact_store(source=[bytes(8)]))
    whole = {
        "examples": kept,
        "places": places,
        "num_samples": 1,
        "shape": "instruction",
        "finished_at": timezone.now(),
    }
    dataset = Dataset.objects.create(name="Sums", owner=people.owner, state="ready", **whole)
    training = training_job_create(
        spec=TrainingJobCreate(name="Adder", base_model="llama-200k", dataset_id=dataset.pk, output_dir="adder"),
        by=people.owner,
    )
    usage_record(ended=[AttemptEnd(job, 1, Usage(cpu_seconds=2.0, wall_seconds=2.0), "completed")])
    spec_of_budget = budget_spec(
        {"name": "Mine", "unit": "kwh", "scope": "user", "scope_key": people.owner.pk, "limit": 5}
    )
    return {
        "budget_id": budget_create(spec=spec_of_budget, by=people.owner).pk,
        "dataset_id": dataset.pk,
        "training_id": training.pk,
        "upload_id": DatasetUpload.objects.create(owner=people.owner, file_name="a.csv", size=3).pk,
        "task_id": "lab:a",
        "family_id": family.pk,
        "import_id": ready.pk,
        "experiment_id": running.pk,
        "submission_id": TaskSubmission.objects.order_by("pk")[0].pk,
        "job_id": job.pk,
        "service_id": Service.objects.create(kind="probe", owner=people.owner, wanted_at=timezone.now()).pk,
        "event_id": event.public_id,
        "key_id": key.pk,
        "user_id": people.owner.pk,
        "sha256": artefact_record(stored=artefact_store(source=[b"a file"])).pk,
    }
