"""What each kind of job goes into. A kind that is told by nobody is `other`."""

from __future__ import annotations

from apps.carbon.models import Category

_known: dict[str, Category] = {
    "solve": Category.SOLVING,
    "training": Category.TRAINING,
    "sweep_trial": Category.TRAINING,
    "inference": Category.INFERENCE,
    "batch": Category.INFERENCE,
    "evolution": Category.EVOLUTION,
    "agents": Category.AGENTS,
    "subtask": Category.AGENTS,
}


def category_register(kind: str, category: Category) -> None:
    """Say what a kind goes into; apps do so in `AppConfig.ready`."""
    _known[kind] = category


def kinds_of(category: str) -> list[str]:
    """The kinds that go into a category."""
    return sorted(kind for kind, own in _known.items() if own == category)


def category_of(kind: str) -> str:
    """The category of a kind of job."""
    return _known.get(kind, Category.OTHER).value
