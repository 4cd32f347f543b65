"""The API speaks the specification's shapes, filters, and does everything that can be done to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from apps.core.metrics import Point, points_upsert
from apps.core.models import User
from apps.training.models import TrainingJob
from tests.apps.training.runs import a_run, dataset, ends, folder, keeps

pytestmark = pytest.mark.django_db
JOBS = "/api/v1/training/jobs"


@pytest.fixture
def api(owner: User, client: Client) -> Client:
    client.force_login(owner)
    return client


def post(api: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return api.post(path, data=body or {}, content_type="application/json")


def test_the_smallest_request_of_the_specification_makes_a_job(api: Client, owner: User) -> None:
    data = dataset(owner)
    body = {
        "name": "finance-qa-model",
        "base_model": "meta-llama/Llama-3.1-8B-Instruct",
        "dataset_id": data.pk,
        "hyperparameters": {"learning_rate": 2e-4, "num_epochs": 3, "batch_size": 2},
        "output_dir": "my-finance-model",
    }
    made = post(api, JOBS, body)
    assert made.status_code == 201, made.content
    job = made.json()
    assert (job["status"], job["progress"], job["current_step"], job["total_epochs"]) == ("queued", 0.0, 0, 3)
    assert job["quantization"]["load_in_4bit"] is True
    assert job["lora_config"]["target_modules"] == ["q_proj", "k_proj", "v_proj", "o_proj"]
    assert (job["metrics"], job["checkpoints"], job["model_id"]) == (None, [], None)
    assert api.get(f"{JOBS}/{job['job_id']}").json() == job


def test_a_wrong_field_is_named(api: Client, owner: User) -> None:
    body = {"name": "a", "base_model": "llama-1m", "dataset_id": dataset(owner).pk, "output_dir": "a"}
    for part, field in (
        ({"hyperparameters": {"learning_rate": 1}}, "hyperparameters.learning_rate"),
        ({"lora_config": {"r": 0}}, "lora_config.r"),
        ({"output_dir": "../up"}, "output_dir"),
        ({"surprise": 1}, "surprise"),
    ):
        answer = post(api, JOBS, {**body, **part})
        assert answer.status_code == 422
        assert field in answer.json()["error"]["details"]["field"], answer.content


def test_figures_and_checkpoints_of_a_run_are_told(api: Client, owner: User, tmp_path: Path) -> None:
    run = a_run(owner)
    values = {"train_loss": 0.5, "learning_rate": 1e-3, "epoch": 1.5, "tokens_per_second": 99.0}
    points_upsert(points=[Point(str(run.job_id), key, 30, value) for key, value in values.items()])
    points_upsert(points=[Point(str(run.job_id), "eval_loss", 20, 0.7)])
    keeps(run, tmp_path, 20, loss=0.6, eval_loss=0.7, best_step=20)
    job = api.get(f"{JOBS}/{run.pk}").json()
    assert (job["current_step"], job["current_epoch"]) == (30, 1)
    assert {name: job["metrics"][name] for name in (*values, "eval_loss", "step")} == {
        **values, "eval_loss": 0.7, "step": 30,
    }  # fmt: skip
    (checkpoint,) = job["checkpoints"]
    assert (checkpoint["step"], checkpoint["loss"], checkpoint["best"]) == (20, 0.6, True)
    assert api.get(f"{JOBS}/{run.pk}/checkpoints").json() == [checkpoint]
    forked = post(api, JOBS, {
        "name": "on", "base_model": "llama-200k", "dataset_id": run.dataset_id, "output_dir": "on",
        "resume_from_checkpoint": checkpoint["id"], "hyperparameters": {"num_epochs": 8},
    })  # fmt: skip
    assert forked.status_code == 201, forked.content
    assert (forked.json()["descent"], forked.json()["total_epochs"]) == ("fork", 8)


def test_jobs_are_narrowed_and_a_list_asks_the_same_however_long(
    api: Client, owner: User, django_assert_num_queries: Any
) -> None:
    data = dataset(owner)
    first = a_run(owner, data=data, name="First")
    ends(first, "failed", error_code="x", error_message="y")
    second = a_run(owner, data=data, name="Second")
    ids = [job["job_id"] for job in api.get(JOBS).json()["items"]]
    assert ids == [second.pk, first.pk]
    for query, wanted in (
        ("status=failed", [first.pk]), ("status=queued", [second.pk]), ("q=sec", [second.pk]),
        (f"dataset_id={data.pk}", ids), ("dataset_id=none", []), ("owner=owner", ids), ("base_model=llama-1m", []),
    ):  # fmt: skip
        assert [job["job_id"] for job in api.get(f"{JOBS}?{query}").json()["items"]] == wanted, query
    api.get(JOBS)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        api.get(JOBS)
    for number in range(6):
        a_run(owner, data=data, name=str(number))
    with django_assert_num_queries(len(few)):
        api.get(JOBS)


def test_everything_that_can_be_done_to_a_run_is_done_by_json(api: Client, owner: User, tmp_path: Path) -> None:
    run = a_run(owner)
    assert post(api, f"{JOBS}/{run.pk}/pause").json()["state"] == "paused"
    assert post(api, f"{JOBS}/{run.pk}/resume").json()["state"] == "queued"
    assert post(api, f"{JOBS}/{run.pk}/stop").status_code == 409
    keeps(run, tmp_path, 3)
    assert post(api, f"{JOBS}/{run.pk}/fork", {"step": 3}).json()["parent_id"] == run.pk
    assert post(api, f"{JOBS}/{run.pk}/rerun").json()["descent"] == "rerun"
    cloned = post(api, f"{JOBS}/{run.pk}/clone", {"name": "Other", "options": {"seed": 7}}).json()
    assert (cloned["name"], cloned["options"]["seed"]) == ("Other", 7)
    assert post(api, f"{JOBS}/{run.pk}/cancel").json()["status"] == "cancelled"
    assert api.delete(f"{JOBS}/{run.pk}").status_code == 409, "a run goes on from its checkpoint"
    assert api.get(f"{JOBS}/job-none").status_code == 404


def test_a_completed_run_tells_what_came_out(api: Client, owner: User, tmp_path: Path) -> None:
    run, (sha256, size) = a_run(owner), folder(tmp_path, "model")
    ends(run, result={"model": {"sha256": sha256, "size_bytes": size}, "eval_loss": 0.25})
    job = api.get(f"{JOBS}/{run.pk}").json()
    assert (job["status"], job["outcome"]["eval_loss"]) == ("completed", 0.25)
    assert job["completed_at"] is not None


def test_the_command_makes_a_run_from_a_preset_and_settings(owner: User, capsys: pytest.CaptureFixture[str]) -> None:
    data = dataset(owner)
    more = ["--preset", "from_nothing", "--set", "hyperparameters.num_epochs=2", "--owner", "owner"]
    call_command("train", "Tiny", "--base-model", "llama-1m", "--dataset", data.pk, *more)
    run = TrainingJob.objects.get()
    assert run.pk in capsys.readouterr().out
    assert (run.recipe["hyperparameters"]["num_epochs"], run.recipe["options"]["packing"]) == (2, True)
    with pytest.raises(CommandError, match="no model"):
        call_command("train", "Tiny", "--base-model", "llama", "--dataset", data.pk)
    with pytest.raises(CommandError, match="num_epochs"):
        call_command(
            "train", "T", "--base-model", "llama-1m", "--dataset", data.pk, "--set", "hyperparameters.num_epochs=0"
        )
