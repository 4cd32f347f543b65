"""The ledger's part of the observatory: what the last 24 hours used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Sum
from django.utils import timezone

from apps.carbon.models import ResourceUsage
from apps.core import observatory
from apps.core.observatory import Figure, Look
from apps.core.words import count, duration, energy, money, noun


def register() -> None:
    """Make the figures known."""
    observatory.figures_register("ledger", _figures, order=20)


@dataclass(frozen=True)
class Today:
    """The ledger of the last 24 hours."""

    executions: int
    dollars: float
    joules: float
    core_seconds: float

    @property
    def dollars_each(self) -> float | None:
        """What one execution cost on average."""
        return self.dollars / self.executions if self.executions else None


def today() -> Today:
    """What was used in the last 24 hours."""
    sums = ResourceUsage.objects.filter(timestamp__gte=timezone.now() - timedelta(days=1)).aggregate(
        executions=Count("*"),  # not the key: every column summed stands in the index of the ledger
        dollars=Sum("estimated_cost", default=0.0),
        joules=Sum("energy_joules", default=0.0),
        core_seconds=Sum("cpu_seconds", default=0.0),
    )
    return Today(**sums)


def _figures(_look: Look) -> Sequence[Figure]:
    used = today()
    return [
        Figure(
            "Executed, 24 h",
            count(used.executions),
            noun(used.executions, "attempt"),
            f"{duration(used.core_seconds)} of core time",
        ),
        Figure("Spent, 24 h", money(used.dollars), note=f"{money(used.dollars_each)} each" if used.executions else ""),
        Figure("Energy, 24 h", energy(used.joules), note="estimated"),
    ]
