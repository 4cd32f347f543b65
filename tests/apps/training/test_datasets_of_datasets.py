"""Parts of a dataset, datasets of tasks and of answers, tokens, and deletion while something needs it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from apps.core.errors import Conflict, Forbidden, Invalid
from apps.core.models import User
from apps.experiments.models import TaskSubmission
from apps.tasks.content import content_columns, task_data
from apps.tasks.models import ArcTask
from apps.training.models import Dataset, DatasetState
from apps.training.queries import datasets as queries
from apps.training.services import building, datasets
from apps.training.services.building import AnswersSpec, TasksSpec

from .working import ready, run_jobs, sums

pytestmark = pytest.mark.django_db

A, B, SECRET = [[1, 0]], [[2, 3]], [[9, 8, 7, 6, 5, 4]]


@pytest.fixture
def tasks() -> list[ArcTask]:
    """Three tasks, whose test outputs are unlike anything else in them."""
    found = []
    for number in range(3):
        train = [{"input": A, "output": B}, {"input": B, "output": [[number, 5]]}]
        data = task_data(f"t{number}", train, [{"input": A, "output": SECRET}])
        found.append(
            ArcTask.objects.create(
                task_id=f"lab:t{number}", raw_id=f"t{number}", dataset="lab", **content_columns(data)
            )
        )
    return found


def texts(dataset: Dataset) -> str:
    return json.dumps([one.values for one in queries.examples(dataset, start=1, count=10_000).items])


def made_of_tasks(by: User, **recipe: Any) -> Dataset:
    dataset = building.tasks_build(name="Puzzles", spec=TasksSpec.model_validate(recipe), by=by)
    run_jobs()
    dataset.refresh_from_db()
    return dataset


def test_a_split_makes_two_that_together_are_the_whole_and_know_their_origin(owner: User, viewer: User) -> None:
    whole = ready(owner, sums(200))
    with pytest.raises(Forbidden):
        datasets.dataset_split(dataset=whole, fraction=0.25, seed=1, by=viewer)
    with pytest.raises(Invalid, match="share"):
        datasets.dataset_split(dataset=whole, fraction=1.0, seed=1, by=owner)
    first, second = datasets.dataset_split(dataset=whole, fraction=0.25, seed=1, by=owner)
    run_jobs()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.name, second.name) == ("Sums train", "Sums eval")
    assert (first.state, second.state) == (DatasetState.READY, DatasetState.READY)
    assert (first.num_samples, second.num_samples) == (150, 50)
    inputs = [
        one.values["input"] for part in (first, second) for one in queries.examples(part, start=1, count=200).items
    ]
    assert sorted(inputs) == sorted(f"{n} 1" for n in range(200))
    assert {one.pk for one in queries.children(whole)} == {first.pk, second.pk}
    datasets.dataset_delete(dataset=whole, by=owner)
    first.refresh_from_db()
    assert first.parent is None
    assert first.recipe["of"]["content_hash"] == whole.content_hash


def test_the_same_split_again_is_the_same_content(owner: User) -> None:
    whole = ready(owner, sums(100))
    datasets.dataset_split(dataset=whole, fraction=0.1, seed=7, by=owner)
    run_jobs()
    datasets.dataset_split(dataset=whole, fraction=0.1, seed=7, by=owner)
    run_jobs()
    again = Dataset.objects.get(name="Sums eval", version=2)
    assert "nothing new" in again.error


def test_tasks_become_examples_and_no_test_output_is_among_them(owner: User, tasks: list[ArcTask]) -> None:
    spec = TasksSpec(orientations=2, recolourings=1)
    assert building.estimate(spec) == (3, 24)
    made = made_of_tasks(owner, orientations=2, recolourings=1, seed=5)
    assert made.is_ready, made.error
    assert 12 < made.num_samples <= 24
    assert made.columns == ["instruction", "input", "output"]
    assert "987654" not in texts(made)
    assert "456789" not in texts(made)
    plain = made_of_tasks(owner, writing="json", keep_black=False)
    assert json.dumps(SECRET).replace(" ", "") not in texts(plain)


def test_nothing_to_make_a_dataset_of_is_said_before_a_job(owner: User, tasks: list[ArcTask]) -> None:
    with pytest.raises(Invalid, match="No task matches"):
        made_of_tasks(owner, tasks={"datasets": ["none"]})
    ArcTask.objects.update(train_count=1)
    with pytest.raises(Invalid, match="two demonstrations"):
        made_of_tasks(owner)
    with pytest.raises(Invalid, match="No right answer"):
        building.answers_build(name="x", spec=AnswersSpec(), by=owner)
    with pytest.raises(Invalid, match="orientations"):
        building.spec_from(TasksSpec, {"orientations": 9})


def answer(
    task: ArcTask, by: User, *attempts: tuple[Any, str], right: bool = True, strategy: str = "program_synthesis"
) -> None:
    predictions = [[{"grid": grid, "confidence": 0.5, "program": program} for grid, program in attempts]]
    TaskSubmission.objects.create(
        task=task,
        task_version=task.version,
        user=by,
        strategy_used=strategy,
        is_correct=right,
        score=float(right),
        hits=[right],
        predictions=predictions,
        processing_time_ms=5,
    )


def test_only_programs_that_were_right_are_learnt_from(owner: User, tasks: list[ArcTask]) -> None:
    first, second, third = tasks
    answer(first, owner, (A, "wrong(one)"), (SECRET, "right(one)"))
    answer(first, owner, (SECRET, "right(two)"), strategy="other")
    answer(second, owner, (A, "wrong(two)"), right=False)
    answer(third, owner, (SECRET, ""))
    made = building.answers_build(name="Programs", spec=AnswersSpec(), by=owner)
    run_jobs()
    made.refresh_from_db()
    assert made.is_ready, made.error
    (only,) = queries.examples(made, start=1, count=9).items
    assert (only.values["output"], only.values["group"]) == ("right(one)", "lab:t0")
    assert "987654" not in texts(made)
    every = building.answers_build(name="All", spec=AnswersSpec(every=True, strategies=["other"]), by=owner)
    run_jobs()
    assert "right(two)" in texts(queries.dataset_get(dataset_id=every.pk))


def test_an_answer_to_an_earlier_version_of_a_task_does_not_count(owner: User, tasks: list[ArcTask]) -> None:
    answer(tasks[0], owner, (SECRET, "right(one)"))
    ArcTask.objects.filter(pk=tasks[0].pk).update(version=2)
    with pytest.raises(Invalid, match="No right answer"):
        building.answers_build(name="Programs", spec=AnswersSpec(), by=owner)


def test_only_its_owner_or_an_admin_deletes_and_describes(owner: User, teammate: User) -> None:
    made = ready(owner)
    admin = User.objects.create(username="boss", role="admin", password=make_password(None))
    for act in (
        lambda by: datasets.dataset_delete(dataset=made, by=by),
        lambda by: datasets.dataset_describe(dataset=made, description="x", by=by),
    ):
        with pytest.raises(Forbidden):
            act(teammate)
    datasets.dataset_describe(dataset=made, description="Small sums", by=admin)
    datasets.dataset_delete(dataset=made, by=admin)
    assert not Dataset.objects.exists()


def test_what_is_in_use_is_not_deleted_and_says_by_whom(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ready(owner)
    monkeypatch.setattr(datasets, "uses", lambda _dataset: ["training job First try"])
    with pytest.raises(Conflict, match="in use by training job First try"):
        datasets.dataset_delete(dataset=made, by=owner)
    assert Dataset.objects.filter(pk=made.pk).exists()


def test_tokens_wait_for_a_dataset_that_is_ready_and_for_one_another(owner: User) -> None:
    made = ready(owner)
    datasets.dataset_count_tokens(dataset=made, tokenizer="terrarium", by=owner)
    with pytest.raises(Conflict, match="already"):
        datasets.dataset_count_tokens(dataset=made, tokenizer="terrarium", by=owner)
    failed = ready(owner, b"{}\n", "Other")
    with pytest.raises(Conflict, match="ready"):
        datasets.dataset_count_tokens(dataset=failed, tokenizer="terrarium", by=owner)
