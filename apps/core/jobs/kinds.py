"""The kinds of job there are, and what the finishing transaction owes each. The open end that lets core stay below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.core.models import Job


@dataclass(frozen=True)
class Usage:
    """What one execution used, measured over its whole process group."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    gpu_memory_mb: float | None = None


@dataclass(frozen=True)
class Finished:
    """How a job ended. `result` is what the work returned; null unless `outcome` is `completed`."""

    job: Job
    outcome: str
    usage: Usage
    result: dict[str, Any] | None = None
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    `on_finish` runs inside the transaction that ends the job, whoever ends it (worker, sweeper, a person
    cancelling), exactly once a job. `on_status` runs inside the transaction of every other change of status,
    with the old and the new one; should it raise, that is recorded and the job goes on. `on_retry` runs inside
    the transaction that makes a new job out of an ended one, with the old and the new: the domain row points at
    the new one from then on, or raises a `Conflict` when it no longer wants it.
    """

    name: str
    title: str
    queue: str = "cpu"
    on_finish: Callable[[Finished], None] | None = None
    on_status: Callable[[Job, str, str], None] | None = None
    on_retry: Callable[[Job, Job], None] | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AttemptEnd:
    """The end of one execution: attempt `number` of `job`, what it used and what became of it."""

    job: Job
    number: int
    usage: Usage
    outcome: str


AttemptHook = Callable[[Sequence[AttemptEnd]], None]
"""Called with all executions that end in one transaction, inside it."""

_kinds: dict[str, Kind] = {}
_attempt_hooks: list[AttemptHook] = []


def register(kind: Kind) -> None:
    """Make a kind known; apps do so in `AppConfig.ready`."""
    _kinds[kind.name] = kind


def get(name: str) -> Kind:
    """The kind of that name; a KeyError that names the known ones otherwise."""
    try:
        return _kinds[name]
    except KeyError:
        raise KeyError(f"No kind of job named {name!r}; known: {', '.join(sorted(_kinds))}.") from None


def find(name: str) -> Kind | None:
    """The kind of that name, or None: a job may outlive the code that made it."""
    return _kinds.get(name)


def names() -> list[str]:
    """The names of all kinds, sorted."""
    return sorted(_kinds)


def on_attempt_end(hook: AttemptHook) -> None:
    """Add a hook for the end of every execution (the ledger's way in)."""
    if hook not in _attempt_hooks:
        _attempt_hooks.append(hook)


def attempt_hooks() -> tuple[AttemptHook, ...]:
    """The hooks, in order of registration."""
    return tuple(_attempt_hooks)
