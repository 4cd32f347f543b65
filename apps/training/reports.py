"""What a training run says beside what every job says."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from apps.core.jobs.reports import Line, Report


class Sample(BaseModel):
    """An example of the evaluation set, answered by the model as it is."""

    prompt: str
    expected: str
    written: str


class Samples(Report):
    """What the model writes at an evaluation."""

    type: ClassVar[str] = "samples"
    step: int = Field(ge=0)
    samples: list[Sample] = Field(max_length=16)

    def line(self) -> Line | None:
        """The first of them."""
        if not self.samples:
            return None
        first = self.samples[0]
        return Line("info", f"Step {self.step:,}: asked {first.prompt[-80:]!r}, it writes {first.written[:80]!r}")


class Plan(Report):
    """What a run found out before its first step: how many steps there are, and how large the model is."""

    type: ClassVar[str] = "plan"
    total_steps: int = Field(ge=0)
    parameters: int = Field(ge=0)
    trained_parameters: int = Field(ge=0)
    tokens: int = Field(ge=0, description="Of the training set, once.")
    device: str = ""

    def line(self) -> Line:
        """In figures."""
        return Line("info", f"{self.total_steps:,} steps, {self.trained_parameters:,} parameters, on {self.device}")
