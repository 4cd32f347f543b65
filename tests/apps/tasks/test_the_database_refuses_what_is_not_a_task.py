"""Grids are guarded by the database itself: plain SQL gets no further than the services."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.tasks.models import ArcTask, ArcTaskVersion
from tests.apps.tasks.conftest import A, B, put, puzzle

GOOD = [{"input": A, "output": B}]
WIDE, TALL = [[0] * 31], [[0]] * 31


def pair(**changes: Any) -> list[dict[str, Any]]:
    """One pair, changed."""
    return [{"input": A, "output": B} | changes]


def set_columns(**columns: Any) -> None:
    """Plain SQL on the one task there is."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    values = [None if value is None else json.dumps(value) for value in columns.values()]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE arc_tasks SET {assignments}", values)


@pytest.fixture
def task(db: None) -> ArcTask:
    """A legal task."""
    return put(puzzle("a", (A, B), tests=[(A, B)]))[0]


BAD_GRIDS = {
    "not a list": 5,
    "text": "ab",
    "a grid written as text": "[[1]]",
    "a row written as text": ["[1]"],
    "rows that make up for each other": [[1, 2], [1], [1, 2, 3]],
    "an object": {"0": [1]},
    "a long number beside a short row": [[1, 2], [123]],
    "empty": [],
    "an empty row": [[]],
    "31 columns": WIDE,
    "31 rows": TALL,
    "ragged": [[1, 2], [3]],
    "a cell of 10": [[10]],
    "a negative cell": [[-1]],
    "a fraction": [[1.5]],
    "a whole number written as a fraction": [[1.0]],
    "text in a cell": [["1"]],
    "a truth value": [[True]],
    "a null cell": [[None]],
    "a row that is no list": [[1], 2],
    "a deeper list": [[[1]]],
    "empty lists as cells": [[[], []]],
    "null": None,
}


PLACES = ("train input", "train output", "test input", "test output")


@pytest.mark.parametrize(
    ("name", "place"),
    # A test output may be null: withheld.
    [(name, place) for name in BAD_GRIDS for place in PLACES if (name, place) != ("null", "test output")],
)
def test_a_bad_grid_is_refused_wherever_it_stands(task: ArcTask, name: str, place: str) -> None:
    grid = BAD_GRIDS[name]
    part, side = place.split()
    changed = pair(**{side: grid})
    columns: dict[str, Any] = {"train_examples": changed}
    if part == "test":
        columns = {"tests": changed, "test_input": changed[0]["input"], "test_output": changed[0]["output"]}
    with pytest.raises(DatabaseError):
        set_columns(**columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"train_examples": []},
        {"train_examples": {}},
        {"train_examples": "x"},
        {"train_examples": [5]},
        {"train_examples": [{"input": A}]},
        {"train_examples": [{"output": A}]},
        {"tests": []},
        {"tests": [{"input": A}]},
        {"tests": [{"output": A}]},
        {"test_input": B},
        {"test_output": A},
        {"test_output": None},
        {"tests": [{"input": A, "output": None}]},
    ],
    ids=str,
)
def test_a_task_without_its_pairs_or_another_first_test_is_refused(task: ArcTask, columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="tasks_arctask_grids"):
        set_columns(**columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"train_examples": [*GOOD, *GOOD]},
        {"train_examples": [{"input": [[0] * 30] * 30, "output": [[9]]}]},
        {"tests": [{"input": A, "output": None}], "test_output": None},
        {"tests": [*GOOD, {"input": B, "output": None}]},
    ],
    ids=["two pairs", "the largest and the smallest", "a withheld truth", "a second test"],
)
def test_legal_content_is_taken(task: ArcTask, columns: dict[str, Any]) -> None:
    set_columns(**columns)


def test_an_insert_by_sql_is_checked_too(task: ArcTask) -> None:
    row = ArcTask.objects.values().get()
    bad = [{"input": [[1], [2, 3]], "output": A}]
    with pytest.raises(IntegrityError, match="tasks_arctask_grids"), transaction.atomic():
        ArcTask.objects.bulk_create([ArcTask(**row | {"task_id": "lab:b", "raw_id": "b", "train_examples": bad})])
    ArcTask.objects.bulk_create([ArcTask(**row | {"task_id": "lab:b", "raw_id": "b"})])


def test_older_versions_are_guarded_as_well(task: ArcTask) -> None:
    with pytest.raises(IntegrityError, match="tasks_version_grids"), transaction.atomic():
        ArcTaskVersion.objects.create(task=task, version=1, train_examples=[], tests=GOOD, content_hash="x")
    ArcTaskVersion.objects.create(task=task, version=1, train_examples=GOOD, tests=GOOD, content_hash="x")


@pytest.mark.parametrize("column", ["task_source", "difficulty_level"])
def test_splits_and_difficulties_are_closed_lists(task: ArcTask, column: str) -> None:
    with pytest.raises(IntegrityError, match="known"), transaction.atomic():
        ArcTask.objects.update(**{column: "other"})


def test_updated_at_follows_plain_sql(task: ArcTask) -> None:
    before = ArcTask.objects.get().updated_at
    time.sleep(0.01)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE arc_tasks SET dataset_version = 'x'")
    assert ArcTask.objects.get().updated_at > before
