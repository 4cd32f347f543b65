"""The short form of the chaos run; the long one is `python -m tests.chaos.run`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


BACKEND = "production" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "embedded"


def hurt(*options: str, seconds: float) -> None:
    command = [sys.executable, "-m", "tests.chaos.run", f"--backend={BACKEND}", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    assert run.returncode == 0, run.stdout + run.stderr[-4000:]
    assert "nothing was lost, doubled, stuck or left behind" in run.stdout


@pytest.mark.chaos
def test_a_lab_that_is_hurt_loses_doubles_and_leaves_nothing() -> None:
    hurt("--work=chores", "--jobs=40", "--kills=8", "--lease=3", "--pause=0.5", seconds=240)


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "embedded", reason="solving is the same on both; the long form runs on both")
def test_an_experiment_under_way_in_a_lab_that_is_hurt_ends_as_if_nothing_had_been() -> None:
    few = ("--jobs=10", "--seeds=1", "--seconds=0.5", "--kills=3", "--references=4")
    hurt("--work=solves", *few, "--lease=3", "--pause=1", seconds=1200)
