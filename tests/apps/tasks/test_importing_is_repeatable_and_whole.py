"""Import: every canonical task, quickly; again changes nothing; all or none."""

from __future__ import annotations

import json
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.errors import Forbidden, Invalid
from apps.core.models import User
from apps.tasks.models import ArcTask, ArcTaskVersion, TaskSource
from apps.tasks.services import canonical_import, tasks_import
from tests.apps.tasks.conftest import A, B, C, arc, put, puzzle, score


@pytest.mark.slow
def test_all_1920_canonical_tasks_arrive_in_seconds_and_again_change_nothing(db: None) -> None:
    started = time.process_time()
    first = canonical_import()
    taken = time.process_time() - started
    assert len(first.created) == ArcTask.objects.count() == 1920
    splits = ArcTask.objects.values_list("dataset", "task_source", "dataset_version")
    counts = {split: list(splits).count(split) for split in set(splits)}
    assert counts == {
        ("arc1", "training", "aa922be"): 400,
        ("arc1", "evaluation", "aa922be"): 400,
        ("arc2", "training", "f3283f7"): 1000,
        ("arc2", "evaluation", "f3283f7"): 120,
    }
    again = canonical_import(names=["arc1/evaluation", "arc2/evaluation"])
    assert (again.created, again.updated, len(again.unchanged)) == ((), (), 520)
    assert taken < 20


def test_a_task_is_known_by_dataset_and_raw_id(db: None) -> None:
    canonical_import(names=["arc1/training"])
    task = ArcTask.objects.get(pk="arc1:007bbfb7")
    assert (task.raw_id, task.dataset, task.task_source, task.version) == ("007bbfb7", "arc1", "training", 1)
    assert (task.train_count, task.test_count, task.max_side, task.same_size, task.has_truths) == (5, 1, 9, False, True)
    assert task.test_input == task.tests[0]["input"]
    assert task.test_output == task.tests[0]["output"]


def test_lists_learn_from_what_a_solver_may_see_only(db: None) -> None:
    big = [[9] * 20]
    (task,) = put(puzzle("a", (A, A), tests=[(A, big)]))
    assert (task.max_side, task.colour_count, task.same_size) == (2, 2, True)


def test_the_same_import_again_writes_nothing(db: None) -> None:
    tasks = [puzzle("a"), puzzle("b", (A, A))]
    put(*tasks)
    stamps = list(ArcTask.objects.values_list("updated_at", flat=True))
    with CaptureQueriesContext(connection) as queries:
        report = tasks_import(tasks=tasks, dataset="lab", source=TaskSource.TRAINING)
    assert report.unchanged == ("lab:a", "lab:b")
    assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE"))]
    assert list(ArcTask.objects.values_list("updated_at", flat=True)) == stamps


def test_new_content_replaces_an_unused_task_in_place(db: None) -> None:
    put(puzzle("a"))
    report = tasks_import(tasks=[puzzle("a", (A, A))], dataset="lab", source=TaskSource.EVALUATION)
    task = ArcTask.objects.get(pk="lab:a")
    assert report.updated == ("lab:a",)
    assert (task.version, task.train_count, task.task_source) == (1, 1, "evaluation")
    assert not ArcTaskVersion.objects.exists()


def test_new_content_of_a_used_task_makes_a_version(researcher: User) -> None:
    (task,) = put(puzzle("a", (A, B)))
    score(task, researcher)
    put(puzzle("a", (A, C)))
    task.refresh_from_db()
    assert task.version == 2
    assert task.train_examples == [{"input": A, "output": C}]
    old = task.versions.get()
    assert (old.version, old.train_examples) == (1, [{"input": A, "output": B}])


def test_the_order_of_tests_counts_because_answers_are_by_position(researcher: User) -> None:
    (task,) = put(puzzle("a", tests=[(A, A), (B, B)]))
    score(task, researcher)
    put(puzzle("a", tests=[(B, B), (A, A)]))
    task.refresh_from_db()
    assert (task.version, task.test_input) == (2, B)


def test_a_withheld_truth_never_replaces_a_known_one(db: None) -> None:
    put(puzzle("a", tests=[(A, C), (B, A)]))
    report = tasks_import(tasks=[puzzle("a", tests=[(A, None), (B, None)])], dataset="lab", source=TaskSource.TRAINING)
    assert report.unchanged == ("lab:a",)
    assert ArcTask.objects.get(pk="lab:a").truths == [C, A]


def test_a_truth_that_arrives_later_is_taken(db: None) -> None:
    put(puzzle("a", tests=[(A, None)]))
    assert ArcTask.objects.get(pk="lab:a").test_output is None
    (task,) = put(puzzle("a", tests=[(A, C)]))
    assert (task.test_output, task.has_truths) == (C, True)


def test_nothing_is_imported_when_one_name_cannot_be_used(db: None) -> None:
    with pytest.raises(Invalid, match="cannot be used"):
        tasks_import(tasks=[puzzle("good"), puzzle("../etc/passwd")], dataset="lab", source=TaskSource.TRAINING)
    assert not ArcTask.objects.exists()


def test_the_same_id_twice_is_refused(db: None) -> None:
    with pytest.raises(Invalid, match="occurs twice"):
        tasks_import(tasks=[puzzle("a"), puzzle("a")], dataset="lab", source=TaskSource.TRAINING)


@pytest.mark.parametrize("dataset", ["", "Lab", "a:b", "a/b", "x" * 33, "-a", "a b"])
def test_a_dataset_name_must_fit_an_address(db: None, dataset: str) -> None:
    with pytest.raises(Invalid):
        tasks_import(tasks=[puzzle("a")], dataset=dataset, source=TaskSource.TRAINING)


def test_only_curators_import(researcher: User, viewer: User, curator: User) -> None:
    for member in (researcher, viewer):
        with pytest.raises(Forbidden):
            tasks_import(tasks=[puzzle("a")], dataset="lab", source=TaskSource.TRAINING, by=member)
        with pytest.raises(Forbidden):
            canonical_import(names=["arc1/training"], by=member)
    assert tasks_import(tasks=[puzzle("a")], dataset="lab", source=TaskSource.TRAINING, by=curator).created


def test_the_command_imports_files_and_folders(db: None, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(arc() | {"name": "ignored"}))
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "two.json").write_text(json.dumps(arc((A, A))))
    out = StringIO()
    call_command("import_tasks", str(tmp_path / "one.json"), str(folder), "--dataset", "mine", stdout=out)
    assert "2 created, 0 updated, 0 unchanged." in out.getvalue()
    assert set(ArcTask.objects.values_list("pk", flat=True)) == {"mine:one", "mine:two"}


def test_the_command_says_what_is_wrong_and_imports_nothing(db: None, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(arc()))
    (tmp_path / "b.json").write_text(json.dumps(arc(([[1, 2], [3]], A))))
    with pytest.raises(CommandError, match="row 2 has 1 cell but row 1 has 2"):
        call_command("import_tasks", str(tmp_path))
    assert not ArcTask.objects.exists()
