"""The contract between a solving strategy and whoever runs it (a worker, a benchmark, a notebook).

A strategy is a pure library object: no database, no queue, no network, no clock of its own. Effort is counted
in search steps so that the same task, config, seed and version give the same answer on any machine; the
processor time used is only a hard stop, and an answer cut short by it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from apps.tasks.engine.puzzle import Grid, Puzzle

ATTEMPTS_PER_TEST = 2
"""ARC's official rule: two attempts for each test output."""


class StrategyConfig(BaseModel):
    """Base of every strategy's own config; rendered as a form from its JSON schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Budget:
    """How much effort one task may take.

    `core_seconds` is converted to search steps by the strategy's committed constant; `hard_seconds` are those of the
    processor after which the best answers so far are returned and marked `hard_stopped` (see `hardstop`).
    """

    core_seconds: float
    hard_seconds: float
    memory_mb: int = 2048


@dataclass(frozen=True)
class Step:
    """One step of a program replayed on one grid: a readable label and the grid after it (None: not a grid)."""

    label: str
    grid: Grid | None


@dataclass(frozen=True, eq=False)
class Prediction:
    """One attempt at one test output. `program` is readable text, `program_data` its JSON form for replay."""

    grid: Grid
    confidence: float
    program: str = ""
    program_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Solution:
    """The answer to a puzzle: for each test input up to two distinct predictions, best first."""

    predictions: tuple[tuple[Prediction, ...], ...]
    steps_used: int
    hard_stopped: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


Report = Callable[[str, Mapping[str, Any]], None]
"""`report(kind, payload)`: kind is `log` ({level, message}), `progress` ({fraction, note}) or `metrics`."""


def silent(kind: str, payload: Mapping[str, Any]) -> None:
    """A report that goes nowhere."""


class Strategy(Protocol):
    """What a strategy module offers. Implementations are stateless and cheap to construct."""

    name: ClassVar[str]
    version: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    Config: ClassVar[type[StrategyConfig]]

    def solve(
        self, puzzle: Puzzle, *, config: StrategyConfig, budget: Budget, seed: int, report: Report = silent
    ) -> Solution:
        """Answer every test input of `puzzle` within `budget`."""
        ...

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """Run a stored program on `grid`, step by step; the last step's grid is the program's output."""
        ...

    def warm(self) -> None:
        """Import and compile what solving needs (called once in a fork server before any task)."""
        ...
