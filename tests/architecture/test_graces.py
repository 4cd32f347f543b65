"""Whoever ends something waits longer than what is inside it may take to end: work, worker, machine, container."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

from apps.core import graces
from apps.core.jobs import kinds
from workers import keeper, runners, supervisor
from workers.runners import Runner

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_each_waits_longer_than_what_it_contains() -> None:
    assert 0 < graces.WORK < graces.WORKER < graces.MACHINE
    assert graces.WORK + supervisor._WRITE_SECONDS < graces.WORKER
    assert graces.WORK + keeper._WRITE_SECONDS < graces.WORKER
    assert inspect.signature(supervisor.Supervisor.join).parameters["timeout"].default == graces.WORKER
    assert "grace_seconds=graces.MACHINE" in (ROOT / "apps/lab/management/commands/up.py").read_text()


@pytest.mark.parametrize("name", [name for name in SERVICES if name.startswith("worker")])
def test_a_container_is_killed_only_after_its_worker_had_its_time(name: str) -> None:
    seconds = re.fullmatch(r"(\d+)s", SERVICES[name]["stop_grace_period"])
    assert seconds is not None
    assert int(seconds[1]) > graces.WORKER


def test_no_runner_may_grant_more_than_its_worker_waits() -> None:
    with pytest.raises(ValueError, match="between 0 and 60"):
        Runner("chore", prepare=lambda job: runners.ChildTask("x:y"), grace_seconds=graces.WORK + 1)
    runners.load(kinds.runner_modules())
    assert all(runner.grace_seconds <= graces.WORK for runner in runners.all_runners())


def test_the_web_server_ends_before_the_machine_insists() -> None:
    for place in ("apps/lab/management/commands/up.py", "Dockerfile"):
        seconds = re.search(r'--timeout-graceful-shutdown", "(\d+)"', (ROOT / place).read_text())
        assert seconds is not None, place
        assert int(seconds[1]) < graces.MACHINE, place
