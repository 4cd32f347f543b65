"""A process on an older database: filled as its version filled it, migrated to the newest, read and written by both.

    DATABASE_URL=... python -m tests.upgrades.older first|previous

Prints what it found as JSON. The past does not change, so neither does what is filled in here; a release adds its own
state as `previous`, with rows of what tables it added.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

OURS = ("core", "tasks", "carbon", "experiments")
STATES = {
    "first": [(app, "0001_initial") for app in OURS],
    "previous": [
        ("core", "0007_priority_within_a_user"),
        ("tasks", "0005_content_index_knows_the_split"),
        ("carbon", "0003_ledger_from_its_index"),
        ("experiments", "0003_solved_tasks_by_index"),
    ],
}
GIVEN_UP = ("tasks.TaskImportDraft",)
"""Tables whose rows need not survive: previews of uploads, which lasted a day and can be uploaded again."""
GRID = [[0, 1], [1, 0]]
PAIR = {"input": GRID, "output": GRID}
WHEN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def fill(apps: Any, number: int) -> None:
    """Rows in every table, as they are in use: a finished experiment, a running one, people, keys, events, failures."""

    def make(label: str, **values: Any) -> Any:
        model = apps.get_model(label)
        known = {field.name for field in model._meta.concrete_fields}
        return model.objects.create(**{name: value for name, value in values.items() if name in known})

    user = make("core.User", id=f"user_{number}", username=f"olga{number}", role="admin", is_staff=True)
    make("core.ApiKey", name="script", prefix=f"tk_{number}", secret_hash=f"{number}" * 64, scopes=["read"], owner=user)
    make("core.LoginLink", token_hash=f"{number}" * 64, expires_at=WHEN, user=user, loopback_only=False)
    _queue(make, number)
    if number == 1:
        _optional(make, "core.EventFloor")(id=1, xid=0, event_id=0)
    task = _tasks(make, number, user)
    for status in ("completed", "in_progress"):
        _experiment(make, f"{number}-{status}", status, user, task)
    make(
        "core.SystemEvent", event_type="page", event_source="web", severity="error", message="a fault", context={"n": 1}
    )
    make("core.JobEvent", xid=0, topic=f"run_{number}", type="log", payload={"message": "of no job"}, at=WHEN)


def _queue(make: Any, number: int) -> None:
    make("core.QueueState", queue=f"queue{number}", paused_at=WHEN)
    make("core.FairShare", queue="cpu", user_key=f"user_{number}", virtual_time=3.5)
    make(
        "core.Worker", name=f"host:{number}", host="host", pid=number, queues=["cpu"], concurrency=1, running=0,
        version="0.1.0", started_at=WHEN, last_seen_at=WHEN,
    )  # fmt: skip


def _tasks(make: Any, number: int, user: Any) -> Any:
    family = make("tasks.TaskFamily", family_name=f"Mirrors {number}", avg_difficulty=2.0)
    content = {"train_examples": [PAIR, PAIR], "tests": [PAIR], "content_hash": f"{number}" * 64}
    task = make(
        "tasks.ArcTask", task_id=f"mine:{number}", raw_id=f"{number}", dataset="mine", task_source="training",
        test_input=GRID, test_output=GRID, family=family, metadata={"by": "hand"}, version=2, **content,
        colour_count=2, has_truths=True, max_side=2, pair_hashes=[], same_size=True, test_count=1, train_count=2,
    )  # fmt: skip
    make("tasks.ArcTaskVersion", task=task, version=1, replaced_at=WHEN, **content)
    if number == 1:
        _optional(make, "tasks.TaskImportDraft")(dataset="mine", task_source="training", content=b"[]", owner=user)
    return task


def _optional(make: Any, label: str) -> Any:
    """A maker of rows of a table that an older state may lack."""

    def made(**values: Any) -> Any:
        try:
            return make(label, **values)
        except LookupError:
            return None

    return made


def _experiment(make: Any, key: str, status: str, user: Any, task: Any) -> None:
    ended = WHEN + timedelta(minutes=5) if status == "completed" else None
    named = {"strategy_configs": {"program_synthesis": {}}, "seeds": [0]}
    experiment = make(
        "experiments.Experiment", name=f"Sweep {key}", task_selection={"version": 1, "criteria": {"task_ids": [task.pk]}, "task_ids": [task.pk]},
        status=status, started_at=WHEN, completed_at=ended, created_by=user, insights=["cheap"], **named,
    )  # fmt: skip
    run = make(
        "experiments.ExperimentRun", experiment=experiment, number=1, experiment_name=experiment.name, status=status,
        task_ids=[task.pk], strategy_config={"program_synthesis": {"version": "1", "config": {}}}, seeds=[0],
        cells_total=1, started_at=WHEN, completed_at=ended, metrics={},
    )  # fmt: skip
    job = make(
        "core.Job", kind="solve", topic=run.pk, owner=user, status="completed" if ended else "running",
        payload={"task_id": task.pk, "strategy": "program_synthesis"}, attempt=1, last_seq=1, created_at=WHEN,
        started_at=WHEN, finished_at=ended, worker="" if ended else "host:1", lease_expires_at=None if ended else WHEN,
        progress=1.0 if ended else 0.25, progress_note="half way",
    )  # fmt: skip
    make(
        "core.JobAttempt", job=job, number=1, worker="host:1", host="host", started_at=WHEN, ended_at=ended,
        outcome="completed" if ended else "running", cpu_seconds=1.5, wall_seconds=2.0, peak_memory_mb=90.0,
    )  # fmt: skip
    make("core.JobEvent", job=job, xid=0, topic=run.pk, seq=1, type="log", payload={"message": "hello"}, at=WHEN)
    make(
        "carbon.ResourceUsage", job=job, task=task, strategy_type="program_synthesis", attempt=1, cpu_seconds=1.5,
        wall_seconds=2.0, memory_mb=90.0, estimated_cost=0.01, energy_joules=12.0, energy_method="estimated",
    )  # fmt: skip
    answer = None
    if ended:
        attempt = {"grid": GRID, "confidence": 0.5, "program": "same", "program_data": {"kind": "none"}}
        answer = make(
            "experiments.TaskSubmission", task=task, user=user, run=run, strategy_used="program_synthesis", seed=0,
            predicted_output=GRID, predictions=[[attempt]], hits=[True], score=1.0, is_correct=True,
            confidence_score=0.5, processing_time_ms=1900, resource_usage={"cpu_seconds": 1.5}, submitted_at=ended,
        )  # fmt: skip
        make(
            "experiments.ExperimentResult", experiment=experiment, task=task, submission=answer, metrics={"score": 1.0}
        )
        make(
            "experiments.StrategyMetric", strategy_type="program_synthesis", task=task, success=True,
            execution_time_ms=1900, resource_cost=0.01,
        )  # fmt: skip
    make(
        "experiments.Solve", run=run, task=task, strategy="program_synthesis", position=0, job=job, submission=answer,
        status="completed" if ended else "running", finished_at=ended, score=1.0 if ended else None, outputs=1,
        outputs_hit=1 if ended else 0, core_seconds=1.5, dollars=0.01, joules=12.0, wall_seconds=2.0,
    )  # fmt: skip


def models_of(apps: Any) -> list[Any]:
    """Our tables in this state, but for those that the newest version has given up."""
    ours = [model for model in apps.get_models() if model._meta.app_label in OURS]
    return [model for model in ours if model._meta.label not in GIVEN_UP]


def snapshot(apps: Any) -> dict[str, dict[str, dict[str, str]]]:
    """Every row as this state's version reads it, by table, key and column."""
    return {
        model._meta.label: {
            str(row[model._meta.pk.attname]): {name: repr(value) for name, value in row.items()}
            for row in model.objects.values()
        }
        for model in models_of(apps)
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What was in `before` and is not the same in `after`."""
    return [
        f"{table} {key} {column}: {value} is {after[table].get(key, {}).get(column)}"
        for table, rows in before.items()
        for key, row in rows.items()
        for column, value in row.items()
        if after[table].get(key, {}).get(column) != value
    ]


def pages() -> dict[str, int]:
    """How today's pages and endpoints answer about yesterday's rows."""
    from django.test import Client

    from apps.core.models import Job, User
    from apps.experiments.models import Experiment
    from apps.tasks.models import ArcTask

    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(pk="user_1"))
    paths = ["/", "/tasks/", "/experiments/", "/system/", "/system/jobs/", "/system/events/", "/account/", "/people/"]
    paths += [
        "/api/v1/tasks",
        "/api/v1/experiments",
        "/api/v1/jobs",
        "/api/v1/events",
        "/api/v1/experiments/submissions",
    ]
    for task in ArcTask.objects.all():
        paths += [f"/tasks/{task.pk}/", f"/tasks/{task.pk}/submissions/", f"/api/v1/tasks/{task.pk}"]
    for experiment in Experiment.objects.all():
        tabs = ("", "curves/", "tasks/", "config/", "log/", "cells/0/")
        paths += [f"/experiments/{experiment.pk}/{tab}" for tab in tabs] + [f"/api/v1/experiments/{experiment.pk}"]
    paths += [f"/system/jobs/{job.pk}/" for job in Job.objects.all()]
    return {path: client.get(path).status_code for path in paths}


def main(state: str) -> dict[str, Any]:
    """Fill, migrate, compare, write as the old version does, look as the new one does."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    settings.ALLOWED_HOSTS.append("testserver")
    executor = MigrationExecutor(connection)
    executor.migrate(STATES[state])
    old = executor.loader.project_state(STATES[state]).apps
    fill(old, 1)
    before = snapshot(old)
    call_command("migrate", verbosity=0)
    found: dict[str, Any] = {
        "empty": [table for table, rows in before.items() if not rows],
        "lost": differences(before, snapshot(old)),
    }
    connection.check_constraints()
    if state == "previous":
        fill(old, 2)  # a worker, a web server that still runs the old version
        found["written_by_the_old_version"] = sum(map(len, snapshot(old).values())) - sum(map(len, before.values()))
        old.get_model("core.Job").objects.filter(status="running").update(progress=0.5, attempt=2)
        connection.check_constraints()
    found["pages"] = pages()
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
