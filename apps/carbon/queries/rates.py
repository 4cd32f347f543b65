"""What use costs and emits now: the latest prices, the place, and its curve where there is one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

from apps.carbon.engine.curves import HOUR
from apps.carbon.engine.places import Place, atlas
from apps.carbon.engine.prices import PriceTable, read_prices
from apps.carbon.models import IntensityHour, PriceList

KEPT_SECONDS = 5.0
"""How long another process may still book with the prices before."""


@dataclass(frozen=True)
class Rates:
    """Prices and intensity."""

    prices: PriceTable
    place: Place
    curve: dict[int, float]
    """Grams a kWh of the last hours, by hours since 1970."""

    def intensity(self, start: datetime, end: datetime) -> tuple[float, str]:
        """The mean over a time from the curve where it knows all of it, else the place's average; and which."""
        first, last = start.timestamp(), end.timestamp()
        hours = range(int(first // HOUR), int(last // HOUR) + 1)
        if not self.curve or len(hours) > len(self.curve) or not all(hour in self.curve for hour in hours):
            return self.place.grams_per_kwh, "average"
        if last <= first:
            return self.curve[hours[0]], "curve"
        total = sum(self.curve[hour] * (min(last, (hour + 1) * HOUR) - max(first, hour * HOUR)) for hour in hours)
        return total / (last - first), "curve"


_lock = threading.Lock()
_kept: tuple[float, Rates] | None = None


def rates_now() -> Rates:
    """What holds now; looked up anew every few seconds, and at once after a change in this process."""
    global _kept
    kept = _kept
    if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS:
        return kept[1]
    rates = Rates(prices_now(), place_here(), _recent_hours(settings.CONFIG.carbon_location))
    with _lock:
        _kept = (time.monotonic(), rates)
    return rates


def rates_forget() -> None:
    """Look again at the next question."""
    global _kept
    _kept = None


def place_here() -> Place:
    """Where this lab draws its power (`TERRARIUM_CARBON_LOCATION`)."""
    return atlas().find(settings.CONFIG.carbon_location)


def prices_now() -> PriceTable:
    """The latest list; version 0, before the first, is what the settings say."""
    latest = PriceList.objects.order_by("-version").first()
    if latest is None:
        return PriceTable(version=0, core_hour=settings.CONFIG.dollars_per_core_hour)
    return read_prices(latest.prices, version=latest.version)


def _recent_hours(location: str) -> dict[int, float]:
    since = datetime.now(UTC) - timedelta(days=8)
    rows = IntensityHour.objects.filter(location=location.upper(), hour__gte=since).order_by("hour")
    return {int(hour.timestamp() // HOUR): grams for hour, grams in rows.values_list("hour", "grams_per_kwh")[:2000]}
