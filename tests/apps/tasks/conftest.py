"""People, puzzles and clients for the tests of tasks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.core.models import Role, User
from apps.experiments.models import TaskSubmission
from apps.tasks.engine.formats import TaskData, parse_task
from apps.tasks.models import ArcTask, TaskSource
from apps.tasks.services import tasks_import

A = [[1, 0], [0, 1]]
B = [[2, 2, 2]]
C = [[3], [4]]


def person(name: str, role: str) -> User:
    """A member of the lab."""
    return User.objects.create(username=name, role=role, is_staff=role in (Role.CURATOR, Role.ADMIN))


@pytest.fixture
def curator(db: None) -> User:
    """May change tasks."""
    return person("curator", Role.CURATOR)


@pytest.fixture
def researcher(db: None) -> User:
    """May look at tasks, and experiment."""
    return person("researcher", Role.RESEARCHER)


@pytest.fixture
def viewer(db: None) -> User:
    """May look."""
    return person("viewer", Role.VIEWER)


def client_of(user: User | None) -> Client:
    """A browser, signed in or not."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def arc(*pairs: tuple[Any, Any], tests: Any = None) -> dict[str, Any]:
    """ARC's JSON from pairs of grids; a test output of None is withheld."""
    train = [{"input": source, "output": target} for source, target in pairs or [(A, B), (B, C)]]
    given = tests if tests is not None else [(A, C)]
    test = [{"input": source} | ({} if target is None else {"output": target}) for source, target in given]
    return {"train": train, "test": test}


def puzzle(raw_id: str, *pairs: tuple[Any, Any], tests: Any = None) -> TaskData:
    """The same, parsed."""
    return parse_task(arc(*pairs, tests=tests), raw_id)


def put(
    *tasks: TaskData, dataset: str = "lab", source: TaskSource = TaskSource.TRAINING, version: str = ""
) -> list[ArcTask]:
    """Import puzzles and answer their rows."""
    tasks_import(tasks=tasks, dataset=dataset, source=source, dataset_version=version)
    return [ArcTask.objects.get(pk=f"{dataset}:{task.raw_id}") for task in tasks]


def score(task: ArcTask, by: User, *, right: bool = True, strategy: str = "program_synthesis") -> TaskSubmission:
    """Somebody's answer to a task as it stands."""
    return TaskSubmission.objects.create(
        task=task,
        task_version=task.version,
        user=by,
        strategy_used=strategy,
        is_correct=right,
        score=float(right),
        processing_time_ms=5,
    )


def html(client: Client, url: str, **headers: Any) -> str:
    """A page that must answer 200."""
    response = client.get(url, **headers)
    assert response.status_code == 200, response.content[:300]
    return str(response.content.decode())


def cards(page: str) -> list[str]:
    """The tasks a gallery shows, in order."""
    return re.findall(r'class="card" href="/tasks/([^"]+)/"', page)
