"""Grams of CO2e a kilowatt-hour, by country and region: validated codes, no network, no silent default.

The yearly averages are those of the codecarbon package, read from its files; the package itself is not loaded.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WORLD = "WORLD"
GRAMS_PER_POUND = 453.59237
_NORDIC = {"SE": ("SWE", "Sweden"), "NO": ("NOR", "Norway"), "FI": ("FIN", "Finland")}


class UnknownPlace(ValueError):
    """No place has that code. `near` names those that may have been meant."""

    def __init__(self, code: str, near: list[Place]) -> None:
        self.code, self.near = code, near
        meant = ", ".join(f"{place.code} ({place.name})" for place in near)
        super().__init__(
            f"There is no country or region {code[:40]!r}. "
            + (f"Did you mean {meant}?" if meant else f"Use a code of three letters such as FRA, or {WORLD}.")
        )


@dataclass(frozen=True)
class Place:
    """A country (`FRA`), a region of one (`USA-CA`), or the world."""

    code: str
    name: str
    grams_per_kwh: float
    year: int | None
    source: str


class Atlas:
    """The places there are."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._places = {place.code: place for place in places}

    def __len__(self) -> int:
        return len(self._places)

    def places(self) -> list[Place]:
        """All, by code."""
        return [self._places[code] for code in sorted(self._places)]

    def find(self, code: str) -> Place:
        """The place of that code, in any case; `UnknownPlace` names the near ones otherwise."""
        place = self._places.get(code.strip().upper())
        if place is None:
            raise UnknownPlace(code, self.near(code))
        return place

    def near(self, text: str, limit: int = 4) -> list[Place]:
        """Places whose code or name is like a text, best first."""
        said = text.strip().lower()
        if not said:
            return []
        # A country's code of two letters is mostly the beginning of its name; people also write the name itself.
        scores = [
            (max(self._likeness(said, place.code.lower()), self._likeness(said, place.name.lower())), place)
            for place in self._places.values()
        ]
        found = sorted((pair for pair in scores if pair[0] >= 0.6), key=lambda pair: (-pair[0], pair[1].code))
        return [place for _, place in found[:limit]]

    @staticmethod
    def _likeness(said: str, known: str) -> float:
        if len(said) >= 2 and known.startswith(said):
            return 0.9 + 0.1 * len(said) / len(known)
        matcher = difflib.SequenceMatcher(None, said, known)
        return matcher.ratio() if matcher.real_quick_ratio() >= 0.6 and matcher.quick_ratio() >= 0.6 else 0.0


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """That of the installed codecarbon; of the world alone, with the figure it states, where it is not installed."""
    spec = find_spec("codecarbon")
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    return read_atlas(folder / "data" / "private_infra") if folder else Atlas([_WORLD_BY_IEA])


_WORLD_BY_IEA = Place(WORLD, "World average", 475.0, 2018, "IEA, Global Energy & CO2 Status Report 2019")


def read_atlas(folder: Path) -> Atlas:
    """The places in codecarbon's files; what one of them lacks or garbles is left out, not guessed."""
    mix = _json(folder / "global_energy_mix.json")
    found = [_WORLD_BY_IEA]
    for code, row in mix.items():
        found += _place(
            code, row.get("country_name", code), row.get("carbon_intensity"), row.get("year"), "Our World in Data"
        )
    usa = _json(folder / "2023" / "usa_emissions.json")
    for name, row in usa.items():
        if not name.startswith("_") and "regionCode" in row:
            pounds = row.get("emissions")
            grams = pounds * GRAMS_PER_POUND / 1000 if isinstance(pounds, int | float) else None
            found += _place(f"USA-{row['regionCode']}", f"{name.title()}, United States", grams, 2023, "EPA eGRID2023")
    for code, row in _json(folder / "nordic_emissions.json").get("data", {}).items():
        country = _NORDIC.get(code[:2])
        if country is not None and code not in _NORDIC:
            name = row.get("description", code)
            found += _place(
                f"{country[0]}-{code}", name, row.get("emission_factor"), row.get("year"), "codecarbon: bidding zones"
            )
    china = _json(folder / "2023" / "china_provincial_emissions.json").get("data", {})
    for code, row in china.items():
        name = f"{row.get('description', code)}, China"
        found += _place(
            f"CHN-{code.removeprefix('CN-')}", name, row.get("emission_factor"), row.get("year"), "MEE/NBS, China"
        )
    return Atlas(found)


def _place(code: str, name: str, grams: Any, year: Any, source: str) -> list[Place]:
    if not isinstance(grams, int | float) or not math.isfinite(grams) or grams < 0:
        return []
    return [Place(code.upper(), str(name), float(grams), year if isinstance(year, int) else None, source)]


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
