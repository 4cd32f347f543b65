"""From joules to grams. What devices draw is multiplied by the building's overhead (PUE) once, here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass

from apps.carbon.engine.energy import JOULES_PER_KWH


@dataclass(frozen=True)
class Energy:
    """Energy at the device, with the overhead it comes with. One that is counted at the building already has a PUE of 1 here
    and is made by `of_site`: so that nobody can multiply twice."""

    device_joules: float
    pue: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.device_joules) and self.device_joules >= 0):
            raise ValueError(f"{self.device_joules} joules is no energy")
        if not (math.isfinite(self.pue) and 1.0 <= self.pue <= 5.0):
            raise ValueError(f"a PUE is 1 to 5, not {self.pue}")

    @classmethod
    def of_site(cls, joules: float, pue: float) -> Energy:
        """Energy that includes the overhead already, as codecarbon's `energy_consumed` does."""
        return cls(joules / cls(0.0, pue).pue, pue)

    @property
    def joules(self) -> float:
        """With the overhead."""
        return self.device_joules * self.pue

    @property
    def kwh(self) -> float:
        """With the overhead."""
        return self.joules / JOULES_PER_KWH

    def grams(self, grams_per_kwh: float) -> float:
        """Of CO2e, at an intensity."""
        if not (math.isfinite(grams_per_kwh) and grams_per_kwh >= 0):
            raise ValueError(f"{grams_per_kwh} g a kWh is no intensity")
        return self.kwh * grams_per_kwh


def embodied_grams(*, kilograms: float, lifetime_hours: float, hours: float, share: float = 1.0) -> float:
    """What making the hardware emitted, for the time and the share of it that was used. Always shown on its own."""
    if not (lifetime_hours > 0 and kilograms >= 0 and hours >= 0 and 0 <= share <= 1):
        raise ValueError(
            "embodied emissions need kilograms and hours from 0 up, a lifetime above 0 and a share of 0 to 1"
        )
    return kilograms * 1000.0 * share * hours / lifetime_hours


@dataclass(frozen=True)
class Equivalent:
    """An everyday measure of a mass of CO2e, and who says so."""

    key: str
    words: str
    grams_each: float
    source: str

    def amount(self, grams: float) -> float:
        """How many."""
        return grams / self.grams_each


_EPA = "US EPA's calculation as codecarbon 3.3.2 has it: 8.89 kg CO2 a gallon, 22.0 miles a gallon, 0.988 of CO2e being CO2"
EQUIVALENTS = (Equivalent("car_km", "km by an average car", 8890.0 / 22.0 / 0.988 / 1.609344, _EPA),)
