"""A busy machine makes a solve take longer; it must not make it stop."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

from apps.experiments.engine import hardstop
from apps.experiments.engine.hardstop import WALL_FACTOR, HardStop
from apps.experiments.engine.synthesis import solver
from apps.experiments.engine.synthesis.config import SynthesisConfig
from apps.tasks.engine.grids import freeze
from apps.tasks.engine.puzzle import Puzzle


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Clocks that stand at what they are set to."""
    now = SimpleNamespace(processor=5.0, wall=1000.0)
    monkeypatch.setattr(
        hardstop, "time", SimpleNamespace(process_time=lambda: now.processor, monotonic=lambda: now.wall)
    )
    return now


def test_waiting_for_a_processor_stops_nothing(clocks: SimpleNamespace) -> None:
    stop = HardStop(2.0)
    clocks.processor += 1.9
    clocks.wall += 2.0 * WALL_FACTOR - 0.1
    assert not stop.reached()


def test_used_up_processor_time_stops(clocks: SimpleNamespace) -> None:
    stop = HardStop(2.0)
    clocks.processor += 2.0
    assert stop.reached()


def test_a_process_that_hardly_gets_a_processor_stops_in_the_end(clocks: SimpleNamespace) -> None:
    stop = HardStop(2.0)
    clocks.wall += 2.0 * WALL_FACTOR
    assert stop.reached()


@pytest.mark.usefixtures("prepared")
def test_what_has_to_be_compiled_first_counts_against_no_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiling() -> None:
        until = time.process_time() + 2.0
        while time.process_time() < until:
            pass

    monkeypatch.setattr(solver, "_ready", compiling)
    grid = freeze(np.eye(3))
    puzzle = Puzzle("small", ((grid, grid),), (grid,))
    solution = solver.solve(puzzle, SynthesisConfig(), steps=250_000, hard_seconds=1.9, seed=0)
    assert not solution.hard_stopped
    assert solution.predictions[0]
