"""What training asks of the registry of models, which stands above it: what a name means, and to keep what came out.

The registry fills these in when Django is ready; without one, runs name sizes, folders and ids of hubs only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.training.models import TrainingJob


@dataclass(frozen=True)
class Base:
    """A base model: where its files are, as hashes of folders in the store, or what to make or fetch."""

    source: dict[str, Any] = field(default_factory=dict)
    folder: str | None = None
    adapter: str | None = None


Find = Callable[[str], Base | None]
Register = Callable[["TrainingJob"], str]

_find: list[Find] = []
_register: list[Register] = []


def registry_is(*, find: Find, register: Register) -> None:
    """Make the registry known: `find` a model by id or name, `register` the one a run made, within its transaction."""
    _find[:], _register[:] = [find], [register]


def find(name: str) -> Base | None:
    """A registered model."""
    return _find[0](name) if _find else None


def register(training: TrainingJob) -> str:
    """Keep the model of a completed run; its id, or nothing without a registry."""
    return _register[0](training) if _register else ""
