"""What a core-second costs where nothing is measured: plain arithmetic, stated once."""

from __future__ import annotations

SECONDS_PER_HOUR = 3600.0


def core_dollars(core_seconds: float, dollars_per_core_hour: float) -> float:
    """The price of CPU time at an hourly rate a core."""
    return core_seconds * dollars_per_core_hour / SECONDS_PER_HOUR


def core_joules(core_seconds: float, watts_per_core: float) -> float:
    """The energy of CPU time at a constant draw a core; an estimate, never a measurement."""
    return core_seconds * watts_per_core
