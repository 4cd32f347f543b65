"""What a run says beside what its jobs say."""

from __future__ import annotations

from typing import ClassVar

from apps.core.jobs.reports import Line, Report
from apps.core.words import effort, pct
from apps.experiments.strategies import title_of


class CellEnd(Report):
    """The end of a cell: how it ended, and what it scored where the truth is known."""

    type: ClassVar[str] = "cell"
    solve_id: str
    position: int
    task_id: str
    strategy: str
    seed: int
    status: str
    error_type: str = ""
    score: float | None = None
    core_seconds: float = 0.0
    submission_id: str | None = None

    def line(self) -> Line:
        """Which cell, how it ended, at what cost."""
        where = f"{self.task_id.partition(':')[2]} by {title_of(self.strategy)} (seed {self.seed})"
        level = "error" if self.status in ("failed", "timeout") else "info"
        return Line(level, f"{where}: {self._end()}, {effort(self.core_seconds)}")

    def _end(self) -> str:
        if self.status != "completed":
            reason = self.error_type.replace("_", " ")
            said = self.status.replace("timeout", "timed out")
            return said if reason in ("", self.status) else f"{said} ({reason})"
        if self.error_type:
            return self.error_type.replace("nothing_found", "found nothing").replace("_", " ")
        if self.score is None:
            return "answered, truth unknown"
        if self.score >= 1:
            return "solved"
        return f"{pct(self.score, 0)} solved" if self.score > 0 else "wrong answer"
