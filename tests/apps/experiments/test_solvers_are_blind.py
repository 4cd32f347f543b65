"""A solving process gets demonstrations and test inputs. Test outputs never leave the supervisor."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.core.errors import NotFound
from apps.core.models import Job, User
from apps.experiments.models import Experiment
from apps.experiments.services import cell_retry
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task
from workers import solving
from workers.experiments import prepare
from workers.forkserver import Child, ForkServerClient
from workers.pipes import FrameReader

pytestmark = pytest.mark.django_db
TRUTH = [[3, 1, 4, 1, 5, 9, 2, 6]]
INPUT = [[2, 7, 1, 8, 2, 8, 1, 8]]


@pytest.fixture
def job(make: Callable[..., Experiment]) -> Job:
    """The job of a cell whose task has a truth like no other grid."""
    make_task("secret", tests=[{"input": INPUT, "output": TRUTH}, {"input": INPUT, "output": TRUTH}])
    return Job.objects.get(pk=cells(make())[0].job_id)


def digits(grid: Any) -> str:
    return json.dumps(grid, separators=(",", ":"))


def test_what_is_prepared_holds_no_truth(job: Job) -> None:
    task = prepare(job)
    crossing = digits({"entry": task.entry, "arguments": task.arguments})
    assert digits(INPUT) in crossing
    assert digits(TRUTH) not in crossing
    assert "output" not in crossing
    assert task.arguments["puzzle"].keys() == {"key", "train", "test_inputs"}


def test_what_a_real_child_receives_holds_no_truth(job: Job, forkserver: ForkServerClient) -> None:
    told = answer_of(forkserver, dataclasses.replace(prepare(job), entry="tests.apps.experiments.spies:everything"))
    assert told["arguments"] == json.loads(json.dumps(prepare(job).arguments))
    crossing = digits(told)
    assert digits(INPUT) in crossing
    assert digits(TRUTH) not in crossing
    assert not [name for name in told["files"] if "sqlite" in name or "socket:" in name]


@pytest.fixture(scope="module")
def forkserver() -> Iterator[ForkServerClient]:
    """A fork server as workers have it."""
    client = ForkServerClient()
    client.start()
    yield client
    client.stop()


def answer_of(client: ForkServerClient, task: Any) -> Any:
    child: Child = client.launch(task, memory_mb=0, environment={})
    frames = FrameReader()
    try:
        while data := os.read(child.report, 1 << 16):
            for frame in frames.feed(data):
                assert frame["type"] == "result", frame
                return frame["result"]
    finally:
        client.collect(child, seconds=5)
        child.close()
    raise AssertionError("The child said nothing.")


def test_the_budget_and_the_seed_reach_the_strategy(job: Job) -> None:
    arguments = prepare(job).arguments
    assert arguments["budget"] == {"core_seconds": 1.0, "hard_seconds": 40.0, "memory_mb": 2048}
    assert (arguments["strategy"], arguments["seed"], arguments["config"]["depth"]) == ("echo", 0, 2)


def test_the_child_answers_what_the_services_accept(job: Job) -> None:
    said: list[Any] = []
    answer = solving.solve(json.loads(json.dumps(prepare(job).arguments)), lambda kind, payload: said.append(kind))
    assert said == ["log"]
    assert answer["strategy_version"] == "1.2"
    assert [[attempt["grid"] for attempt in test] for test in answer["predictions"]] == [[INPUT], [INPUT]]
    assert json.loads(json.dumps(answer)) == answer


def test_a_job_that_lost_its_cell_is_not_run(
    make: Callable[..., Experiment], tasks: list[ArcTask], owner: User
) -> None:
    first = cells(make())[0]
    end(first)
    cell_retry(solve=first, by=owner)
    with pytest.raises(NotFound):
        prepare(Job.objects.get(pk=first.job_id))
    assert prepare(Job.objects.get(pk=cells(first.run.experiment)[0].job_id)).arguments["seed"] == 0
