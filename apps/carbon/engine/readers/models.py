"""Component models for what has no counter: codecarbon's where it is installed, else a constant that says so.

codecarbon is loaded here and nowhere else, when a reader is made: seconds that belong to the sampler alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from apps.carbon.engine.counters import Meter, Reading
from apps.carbon.engine.energy import Component, Kind, Method

CPU = Component(Kind.CPU, "")
RAM = Component(Kind.RAM, "")
WATTS_PER_GB = 0.375
"""3 W for 8 GB, where no model of the memory is to be had."""


@dataclass(frozen=True)
class Source:
    """Where the power of a component comes from. `base_watts` is what it draws when nothing runs."""

    component: Component
    watts: Callable[[], float]
    method: Method
    uncertainty: float
    words: str
    base_watts: float = 0.0


class Modelled:
    """Sums up the powers of some sources."""

    def __init__(self, sources: list[Source]) -> None:
        self.sources = sources
        self._meters = {source.component: Meter(mean=True) for source in sources}

    @property
    def components(self) -> tuple[Component, ...]:
        """What it reads."""
        return tuple(source.component for source in self.sources)

    def read(self, at: float, steady: float) -> list[Reading]:
        """Each sum now; null where a model failed."""
        readings = []
        for source in self.sources:
            joules, fault = None, ""
            try:
                joules = self._meters[source.component].take(steady, source.watts())
            except Exception as error:  # a model of somebody else's, over files of the system
                fault = f"the model of {source.component} failed: {error}"
            readings.append(
                Reading(
                    source.component, at, steady, joules, source.method, source.uncertainty, lasts=False, fault=fault
                )
            )
        return readings


def sources(
    *, cores: int, memory_gb: float, watts_per_core: float, without: frozenset[Kind] = frozenset()
) -> list[Source]:
    """A source for the processor and one for the memory, but for the kinds that are measured."""
    try:
        found = _codecarbon()
    except Exception:  # not installed, or a machine that it cannot make out
        logging.getLogger(__name__).warning("codecarbon cannot be used here: constants stand in for its models.")
        found = [
            Source(CPU, lambda: cores * watts_per_core, Method.CONSTANT, 0.5, f"{watts_per_core:g} W a core"),
            Source(RAM, lambda: memory_gb * WATTS_PER_GB, Method.CONSTANT, 0.5, f"{WATTS_PER_GB:g} W a GB"),
        ]
    return [source for source in found if source.component.kind not in without]


def _codecarbon() -> list[Source]:
    logging.getLogger("codecarbon").setLevel(logging.ERROR)  # it advertises itself at every start
    from codecarbon.core.cpu import TDP
    from codecarbon.external.hardware import CPU as Processor
    from codecarbon.external.hardware import MODE_CPU_LOAD
    from codecarbon.external.ram import RAM as Memory

    rated = TDP()
    watts = float(rated.tdp) if rated.tdp else None
    processor = Processor.from_utils(os.getcwd(), MODE_CPU_LOAD, rated.model, watts, tracking_mode="machine")
    most = watts if watts is not None else float(processor._tdp)
    known = "" if watts is not None else ", a generic rating"
    memory = Memory(tracking_mode="machine")
    return [
        Source(
            CPU,
            lambda: float(processor._get_power_from_cpus().W),
            Method.MODELLED,
            0.3 if known == "" else 0.5,
            f"codecarbon: {most:g} W by load of {rated.model or 'an unknown processor'}{known}",
            base_watts=0.1 * most,
        ),
        Source(RAM, lambda: float(memory.total_power().W), Method.MODELLED, 0.5, "codecarbon: watts by memory slots"),
    ]
