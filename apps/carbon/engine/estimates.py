"""What a core-second draws where nothing is measured: plain arithmetic, stated once."""

from __future__ import annotations


def core_joules(core_seconds: float, watts_per_core: float) -> float:
    """The energy of CPU time at a constant draw a core; an estimate, never a measurement."""
    return core_seconds * watts_per_core
