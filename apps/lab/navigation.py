"""The areas of the lab, in the order of the left rail. A new area is one line here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings
from django.urls import Resolver404, get_urlconf, resolve


@dataclass(frozen=True)
class Place:
    """A page inside an area."""

    title: str
    path: str


@dataclass(frozen=True)
class Area:
    """One line of the rail: shown once its address leads somewhere."""

    title: str
    path: str
    icon: str
    places: tuple[Place, ...] = field(default=())


AREAS: tuple[Area, ...] = (
    Area("Observatory", "/", "observatory"),
    Area("Tasks", "/tasks/", "tasks"),
    Area("Experiments", "/experiments/", "experiments"),
    Area("Training", "/training/", "training", (Place("Datasets", "/training/datasets/"),)),
    Area("Carbon", "/carbon/", "carbon", (Place("Budgets", "/carbon/budgets/"),)),
    Area(
        "System",
        "/system/",
        "system",
        (
            Place("Jobs", "/system/jobs/"),
            Place("Services", "/system/services/"),
            Place("Events", "/system/events/"),
            Place("Event log", "/system/log/"),
        ),
    ),
)


def areas() -> Sequence[Area]:
    """The areas that exist in this installation."""
    return _areas_of(get_urlconf() or settings.ROOT_URLCONF)


@cache
def _areas_of(_urlconf: str) -> Sequence[Area]:
    """Asked once: every page shows them."""
    return tuple(area for area in AREAS if _leads_somewhere(area.path))


def current(path: str) -> Area | None:
    """The area a page belongs to."""
    found = [area for area in AREAS if path.startswith(area.path) and (area.path != "/" or path == "/")]
    return max(found, key=lambda area: len(area.path), default=None)


def _leads_somewhere(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
