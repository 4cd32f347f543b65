"""Families, difficulties and content: who may, what follows, what is kept."""

from __future__ import annotations

import pytest

from apps.core.errors import Conflict, Forbidden, Invalid, NotFound
from apps.core.models import User
from apps.experiments.models import StrategyMetric
from apps.tasks.models import ArcTask, Difficulty, TaskFamily
from apps.tasks.queries import task_content
from apps.tasks.services import (
    difficulty_set,
    family_assign,
    family_create,
    family_delete,
    family_update,
    task_create,
    task_update,
    tasks_in_use,
)
from tests.apps.tasks.conftest import A, B, C, put, puzzle, score


def average(family: TaskFamily) -> float | None:
    """As the database has it."""
    family.refresh_from_db()
    return family.avg_difficulty


def test_a_familys_average_is_over_members_of_known_difficulty(curator: User) -> None:
    tasks = [task.pk for task in put(*(puzzle(name) for name in "abcd"))]
    family = family_create(family_name="Gravity", by=curator)
    family_assign(task_ids=tasks, family_id=family.pk, by=curator)
    assert average(family) is None
    difficulty_set(task_ids=tasks[:1], difficulty=Difficulty.EASY, by=curator)
    difficulty_set(task_ids=tasks[1:3], difficulty=Difficulty.HARD, by=curator)
    assert average(family) == pytest.approx(7 / 3)
    difficulty_set(task_ids=tasks[1:2], difficulty=Difficulty.MEDIUM, by=curator)
    assert average(family) == pytest.approx(2.0)


def test_moving_a_task_brings_both_families_up_to_date(curator: User) -> None:
    tasks = [task.pk for task in put(puzzle("a"), puzzle("b"))]
    old, new = (family_create(family_name=name, by=curator) for name in ("Old", "New"))
    difficulty_set(task_ids=tasks[:1], difficulty=Difficulty.EASY, by=curator)
    difficulty_set(task_ids=tasks[1:], difficulty=Difficulty.HARD, by=curator)
    family_assign(task_ids=tasks, family_id=old.pk, by=curator)
    assert family_assign(task_ids=tasks[1:], family_id=new.pk, by=curator) == 1
    assert (average(old), average(new)) == (1.0, 3.0)
    assert family_assign(task_ids=tasks[1:], family_id=None, by=curator) == 1
    assert (average(old), average(new)) == (1.0, None)


def test_deleting_a_family_leaves_its_tasks(curator: User) -> None:
    (task,) = put(puzzle("a"))
    family = family_create(family_name="Gone", by=curator)
    family_assign(task_ids=[task.pk], family_id=family.pk, by=curator)
    family_delete(family_id=family.pk, by=curator)
    task.refresh_from_db()
    assert task.family_id is None


def test_family_names_are_unique_and_not_empty(curator: User) -> None:
    first = family_create(family_name="  Gravity  ", by=curator)
    assert first.family_name == "Gravity"
    with pytest.raises(Conflict):
        family_create(family_name="Gravity", by=curator)
    with pytest.raises(Invalid):
        family_create(family_name=" ", by=curator)
    second = family_create(family_name="Tiling", by=curator)
    with pytest.raises(Conflict):
        family_update(family_id=second.pk, family_name="Gravity", by=curator)


def test_unknown_tasks_and_families_are_named(curator: User) -> None:
    put(puzzle("a"))
    with pytest.raises(NotFound, match="lab:z"):
        difficulty_set(task_ids=["lab:a", "lab:z"], difficulty=Difficulty.EASY, by=curator)
    with pytest.raises(NotFound, match="fam_none"):
        family_assign(task_ids=["lab:a"], family_id="fam_none", by=curator)
    assert ArcTask.objects.get().difficulty_level == "unknown"


def test_only_curators_change_tasks(researcher: User, viewer: User) -> None:
    (task,) = put(puzzle("a"))
    for member in (researcher, viewer):
        for change in (
            lambda by: difficulty_set(task_ids=[task.pk], difficulty=Difficulty.EASY, by=by),
            lambda by: family_assign(task_ids=[task.pk], family_id=None, by=by),
            lambda by: family_create(family_name="x", by=by),
            lambda by: task_update(task_id=task.pk, metadata={"a": 1}, by=by),
            lambda by: task_create(content=puzzle("n"), dataset="lab", by=by),
        ):
            with pytest.raises(Forbidden):
                change(member)


def test_an_unused_task_changes_in_place(curator: User) -> None:
    (task,) = put(puzzle("a", (A, B)))
    changed = task_update(task_id=task.pk, content=puzzle("a", (A, C)), by=curator)
    assert (changed.version, changed.train_examples[0]["output"]) == (1, C)
    assert changed.content_hash != task.content_hash


def test_a_scored_task_gets_a_new_version_and_keeps_the_old(curator: User) -> None:
    (task,) = put(puzzle("a", (A, B), tests=[(A, B)]))
    answer = score(task, curator)
    task_update(task_id=task.pk, content=puzzle("a", (A, C), tests=[(A, C)]), by=curator)
    task_update(task_id=task.pk, content=puzzle("a", (B, C), tests=[(A, C)]), by=curator)
    task.refresh_from_db()
    assert task.version == 3
    assert [v.version for v in task.versions.order_by("version")] == [1, 2]
    answer.refresh_from_db()
    assert answer.task_version == 1
    first = task_content(task_id=task.pk, version=1).truths()[0]
    assert first is not None
    assert first.tolist() == B
    assert task_content(task_id=task.pk, version=2).train[0][0].tolist() == A
    assert task_content(task_id=task.pk).train[0][0].tolist() == B
    with pytest.raises(NotFound):
        task_content(task_id=task.pk, version=9)


def test_metadata_and_split_of_a_scored_task_change_in_place(curator: User) -> None:
    (task,) = put(puzzle("a"))
    score(task, curator)
    changed = task_update(task_id=task.pk, metadata={"note": "nice"}, by=curator)
    assert (changed.version, changed.metadata) == (1, {"note": "nice"})


def test_the_same_content_again_is_no_change(curator: User) -> None:
    (task,) = put(puzzle("a"))
    score(task, curator)
    assert task_update(task_id=task.pk, content=puzzle("a"), by=curator).version == 1


def test_whatever_refers_to_a_task_counts_as_use(curator: User) -> None:
    used, free = put(puzzle("a"), puzzle("b"))
    StrategyMetric.objects.create(strategy_type="x", task=used, success=False, execution_time_ms=1)
    assert tasks_in_use([used.pk, free.pk]) == {used.pk}
    task_update(task_id=used.pk, content=puzzle("a", (C, C)), by=curator)
    assert tasks_in_use([free.pk]) == set()


def test_metadata_has_limits(curator: User) -> None:
    (task,) = put(puzzle("a"))
    deep: dict[str, object] = {}
    for _ in range(30):
        deep = {"x": deep}
    for bad in (deep, {"x": "y" * 70_000}):
        with pytest.raises(Invalid) as caught:
            task_update(task_id=task.pk, metadata=bad, by=curator)
        assert caught.value.field == "metadata"


def test_a_taken_id_is_a_conflict(curator: User) -> None:
    task_create(content=puzzle("a"), dataset="lab", difficulty=Difficulty.HARD, by=curator)
    with pytest.raises(Conflict, match="lab:a"):
        task_create(content=puzzle("a"), dataset="lab", by=curator)
