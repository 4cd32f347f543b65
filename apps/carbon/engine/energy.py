"""The words of energy accounting: how a figure was obtained, what drew the energy, and a span of time with its joules."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

JOULES_PER_KWH = 3.6e6


class Method(StrEnum):
    """How a figure was obtained, best first."""

    MEASURED = "measured"
    """Read from a counter of the hardware."""
    MODELLED = "modelled"
    """Computed by a model from something measured, such as the load."""
    CONSTANT = "constant"
    """A constant draw times a time: nothing of this machine was looked at."""


_ORDER = {method: number for number, method in enumerate(Method)}

UNCERTAINTY = {Method.MEASURED: 0.05, Method.MODELLED: 0.3, Method.CONSTANT: 0.5}
"""Relative, where the source does not say: RAPL and NVML are stated within 5 %; models of a load are rarely within 30 %."""


class Kind(StrEnum):
    """What drew the energy."""

    GPU = "gpu"
    CPU = "cpu"
    RAM = "ram"


def weakest(methods: list[Method]) -> Method:
    """The method of a sum: that of its worst part."""
    return max(methods, key=_ORDER.__getitem__, default=Method.CONSTANT)


@dataclass(frozen=True, order=True)
class Component:
    """A part of a host with a counter of its own: `gpu:0`, `cpu:package-0`, `ram`."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


@dataclass(frozen=True)
class Span:
    """A stretch of time and the energy a component drew in it; the spans of a component never overlap.

    `joules` is null where nothing is known: a gap, with its `reason`. A gap is never zero joules.
    Seconds are of one clock, the wall's, as far as it could be believed.
    """

    component: Component
    start: float
    end: float
    joules: float | None
    method: Method
    uncertainty: float
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.end > self.start:
            raise ValueError(f"{self.component}: a span ends after it starts, not {self.start} to {self.end}")
        if self.joules is not None and not (math.isfinite(self.joules) and self.joules >= 0):
            raise ValueError(f"{self.component}: {self.joules} joules is no energy")
        if self.joules is None and not self.reason:
            raise ValueError(f"{self.component}: a gap says why")

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start

    @property
    def watts(self) -> float | None:
        """The mean power, where it is known."""
        return None if self.joules is None else self.joules / self.seconds

    def cut(self, at: float) -> tuple[Span, Span]:
        """In two, the energy by time; the two add up to the whole exactly as far as floats do."""
        if self.joules is None:
            return replace(self, end=at), replace(self, start=at)
        first = self.joules * (at - self.start) / self.seconds
        return replace(self, end=at, joules=first), replace(self, start=at, joules=max(0.0, self.joules - first))
