"""What the stages of a search find, and the ranking chooses from."""

from __future__ import annotations

from dataclasses import dataclass

from apps.experiments.engine.synthesis.program import Program
from apps.tasks.engine.puzzle import Grid


@dataclass(frozen=True, eq=False)
class Candidate:
    """A program that reproduces every demonstration, and its outputs on the test inputs (None: does not apply)."""

    program: Program
    outputs: tuple[Grid | None, ...]
    cost: int
    source: str
