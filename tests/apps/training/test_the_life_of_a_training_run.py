"""A run is made whole or refused with the field; what its job says and does becomes rows; its checkpoints are pruned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import override_settings

from apps.core.errors import Conflict, Forbidden, Invalid
from apps.core.jobs import job_retry
from apps.core.jobs.kinds import Finished
from apps.core.jobs.reports import Usage
from apps.core.models import Job, JobStatus, User
from apps.training import ports
from apps.training.models import Dataset, TrainingJob
from apps.training.reports import Plan
from apps.training.services import hearing
from apps.training.services import runs as services
from tests.apps.training.runs import a_run, dataset, ends, folder, fresh, keeps
from workers import training as worker

pytestmark = pytest.mark.django_db


def test_a_run_is_queued_with_everything_its_process_needs(owner: User) -> None:
    data, held_out = dataset(owner), dataset(owner, name="Held out")
    run = a_run(owner, data=data, eval_dataset_id=held_out.pk)
    assert run.pk.startswith("job-")
    assert (run.status, run.method) == (JobStatus.QUEUED, "scratch")
    assert run.job is not None
    assert (run.job.kind, run.job.queue, run.job.topic) == ("training", "gpu", run.pk)
    task = worker.prepare(run.job)
    assert task.entry == "workers.training:run"
    assert Path(task.arguments["data"]["train"]).read_text().count("Mirrors") == 3
    assert "Held out" in Path(task.arguments["data"]["eval"]).read_text()
    assert task.arguments["model"]["size"] == "llama-200k"
    assert task.arguments["recipe"] == run.recipe
    assert task.arguments["checkpoints"] == []


def test_steps_between_checkpoints_are_the_labs_unless_said(owner: User) -> None:
    with override_settings(CONFIG=settings.CONFIG.model_copy(update={"checkpoint_interval": 7})):
        assert a_run(owner).recipe["hyperparameters"]["save_steps"] == 7
        said = a_run(owner, data=dataset(owner, name="b"), hyperparameters={"save_steps": 3})
        assert said.recipe["hyperparameters"]["save_steps"] == 3


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"base_model": "llama-2k"}, "base_model", "llama-200k"),
        ({"base_model": "../../etc"}, "base_model", "a folder below"),
        ({"method": "lora"}, "method", "so the method is scratch"),
        ({"method": "scratch", "base_model": "a/b"}, "method", "name a size"),
        ({"dataset_id": "dataset-none"}, "", "no dataset"),
        ({"options": {"early_stopping_patience": 2}}, "eval_dataset_id", "evaluation set"),
        ({"quantization": {"load_in_4bit": True}}, "", "trains every weight"),
        ({"resume_from_checkpoint": "job-none/3"}, "resume_from_checkpoint", "job-…/step"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(owner: User, said: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Exception, match=words) as caught:
        a_run(owner, **said)
    assert getattr(caught.value, "field", None) in {field, None} or field == ""
    assert not TrainingJob.objects.exists()


def test_a_dataset_that_is_not_ready_is_refused(owner: User) -> None:
    with pytest.raises(Invalid, match="is not ready but looking"):
        a_run(owner, data=Dataset.objects.create(name="later"))


def test_a_viewer_trains_nothing_and_a_teammate_changes_nothing(owner: User, viewer: User, teammate: User) -> None:
    data = dataset(owner)
    with pytest.raises(Forbidden):
        a_run(viewer, data=data)
    run = a_run(owner, data=data)
    for verb in (services.training_job_pause, services.training_job_cancel, services.training_job_delete):
        with pytest.raises(Forbidden):
            verb(training=run, by=teammate)
    assert services.training_job_rerun(training=run, by=teammate).owner == teammate


def test_a_folder_of_the_lab_can_be_a_base(owner: User, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    with override_settings(CONFIG=settings.CONFIG.model_copy(update={"models_dir": str(tmp_path)})):
        run = a_run(owner, base_model="mine", method="lora")
        assert run.base["folder"] == str(tmp_path / "mine")
        with pytest.raises(Invalid, match="no model"):
            a_run(owner, data=run.dataset, base_model="mine/../..", method="lora")


def test_the_status_of_a_run_follows_its_job(owner: User) -> None:
    run = services.training_job_pause(training=a_run(owner), by=owner)
    assert run.status == JobStatus.PAUSED
    assert services.training_job_resume(training=run, by=owner).status == JobStatus.QUEUED
    ended = services.training_job_cancel(training=run, by=owner)
    assert ended.status == JobStatus.CANCELLED
    assert ended.finished_at is not None
    with pytest.raises(Conflict):
        services.training_job_stop_early(training=ended, by=owner)


def test_checkpoints_are_kept_to_the_limit_but_never_without_best_and_last(owner: User, tmp_path: Path) -> None:
    run = a_run(owner, hyperparameters={"save_total_limit": 2})
    for step, best in ((10, 10), (20, 20), (30, 20), (40, 20)):
        keeps(run, tmp_path, step, loss=1 / step, eval_loss=2.0, best_step=best)
    assert list(run.checkpoints.order_by("step").values_list("step", flat=True)) == [20, 40]
    assert fresh(run).best_step == 20
    keeps(run, tmp_path, 40, loss=0.5, best_step=20)
    assert run.checkpoints.get(step=40).loss == 0.5, "told twice is kept once"
    assert [step for _, step in worker.prepare(run.job).arguments["checkpoints"]] == [40, 20]  # type: ignore[arg-type]


def test_completion_keeps_the_model_and_registers_it_in_the_same_transaction(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(owner)
    assert run.job is not None
    hearing.on_report(run.job, [Plan(total_steps=9, parameters=5, trained_parameters=2, tokens=7, device="cpu")])
    sha256, size = folder(tmp_path, "model")
    monkeypatch.setattr(ports, "_register", [lambda training: f"model-of-{training.result_id[:4]}"])
    ends(run, result={"model": {"sha256": sha256, "size_bytes": size}, "best_step": 4, "train_loss": 0.5})
    done = fresh(run)
    assert (done.status, done.total_steps, done.best_step) == (JobStatus.COMPLETED, 9, 4)
    assert (done.result_id, done.model_id) == (sha256, f"model-of-{sha256[:4]}")
    assert done.outcome["train_loss"] == 0.5


def test_a_registry_that_refuses_completes_nothing(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(training: TrainingJob) -> str:
        raise Conflict("no")

    monkeypatch.setattr(ports, "_register", [refuses])
    run, (sha256, size) = a_run(owner), folder(tmp_path, "model")
    ended = Finished(Job(pk=run.job_id), "completed", Usage(), {"model": {"sha256": sha256, "size_bytes": size}})
    with pytest.raises(Conflict), transaction.atomic():
        hearing.on_finish([ended])
    assert fresh(run).status == JobStatus.QUEUED


def test_a_failure_is_told_and_a_retry_goes_on_from_the_last_checkpoint(owner: User, tmp_path: Path) -> None:
    run = a_run(owner)
    keeps(run, tmp_path, 5)
    ends(run, JobStatus.FAILED, error_code="loss_not_finite", error_message="The loss became nan at step 7.")
    failed = fresh(run)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "loss_not_finite")
    again = job_retry(job=Job.objects.get(pk=run.job_id), by=owner)
    back = fresh(run)
    assert (back.job_id, back.status, back.error_message, back.finished_at) == (again.pk, JobStatus.QUEUED, "", None)
    assert [step for _, step in worker.prepare(again).arguments["checkpoints"]] == [5]


def test_rerun_clone_and_fork_say_where_they_come_from(owner: User, tmp_path: Path) -> None:
    run = a_run(owner)
    keeps(run, tmp_path, 5)
    keeps(run, tmp_path, 9)
    rerun = services.training_job_rerun(training=run, by=owner)
    assert (rerun.recipe, rerun.parent, rerun.descent) == (run.recipe, run, "rerun")
    clone = services.training_job_clone(training=run, changes={"hyperparameters": {"learning_rate": 0.005}}, by=owner)
    assert clone.recipe["hyperparameters"] == {**run.recipe["hyperparameters"], "learning_rate": 0.005}
    assert (clone.parent, clone.descent, clone.name) == (run, "clone", "Adder (copy)")
    fork = services.training_job_fork(training=run, step=5, changes={"hyperparameters": {"num_epochs": 9}}, by=owner)
    assert (fork.recipe["hyperparameters"]["num_epochs"], fork.descent) == (9, "fork")
    assert [step for _, step in worker.prepare(fork.job).arguments["checkpoints"]] == [5]  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="clone the run instead"):
        services.training_job_fork(training=run, step=5, changes={"hyperparameters": {"learning_rate": 1e-3}}, by=owner)
    with pytest.raises(Invalid, match="there are: 9, 5"):
        services.training_job_fork(training=run, step=6, changes={}, by=owner)


def test_a_checkpoint_somebody_goes_on_from_is_not_pruned(owner: User, tmp_path: Path) -> None:
    run = a_run(owner, hyperparameters={"save_total_limit": 1})
    keeps(run, tmp_path, 5)
    services.training_job_fork(training=run, step=5, changes={}, by=owner)
    keeps(run, tmp_path, 6)
    keeps(run, tmp_path, 7)
    assert list(run.checkpoints.order_by("step").values_list("step", flat=True)) == [5, 7]


def test_a_clone_may_change_the_method_with_what_follows_from_it(owner: User) -> None:
    run = a_run(owner, base_model="some/model")
    assert run.method == "qlora"
    clone = services.training_job_clone(training=run, changes={"method": "lora"}, by=owner)
    assert (clone.method, clone.recipe["quantization"]["load_in_4bit"]) == ("lora", False)


def test_only_an_ended_run_is_deleted(owner: User, tmp_path: Path) -> None:
    run = a_run(owner)
    with pytest.raises(Conflict, match="cancel it first"):
        services.training_job_delete(training=run, by=owner)
    keeps(run, tmp_path, 5)
    services.training_job_cancel(training=run, by=owner)
    services.training_job_delete(training=fresh(run), by=owner)
    assert not TrainingJob.objects.filter(pk=run.pk).exists()


def test_the_database_refuses_an_end_without_a_moment_and_completion_without_a_model(owner: User) -> None:
    run = a_run(owner)
    for change in ({"status": "failed"}, {"status": "completed"}, {"status": "odd"}, {"name": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            TrainingJob.objects.filter(pk=run.pk).update(**change)
