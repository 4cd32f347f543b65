"""The short form of the chaos run; the long one is `python -m tests.chaos.run --jobs 300 --kills 50`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.chaos
def test_a_lab_that_is_hurt_loses_doubles_and_leaves_nothing() -> None:
    backend = "production" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "embedded"
    command = [sys.executable, "-m", "tests.chaos.run", "--jobs=40", "--kills=8", "--lease=3", "--pause=0.5"]
    run = subprocess.run([*command, f"--backend={backend}"], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stdout + run.stderr[-4000:]
    assert "nothing was lost, doubled, stuck or left behind" in run.stdout
