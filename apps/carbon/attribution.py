"""Whose execution was it? Apps above the ledger tell it, by kind of job, which task and strategy a job worked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.core.models import Job


@dataclass(frozen=True)
class Attribution:
    """The task and strategy an execution is booked on; both null where the job is not a solve."""

    task_id: str | None = None
    strategy_type: str | None = None


Attributor = Callable[[Job], Attribution]
_attributors: dict[str, Attributor] = {}


def register(kind: str, attributor: Attributor) -> None:
    """Say how jobs of `kind` are attributed; apps do so in `AppConfig.ready`."""
    _attributors[kind] = attributor


def attribute(job: Job) -> Attribution:
    """The attribution of a job; empty for kinds nobody registered."""
    attributor = _attributors.get(job.kind)
    return attributor(job) if attributor else Attribution()
