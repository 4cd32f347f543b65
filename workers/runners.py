"""How each kind of job is executed. One file a kind in this folder registers its `Runner` here.

Imports nothing of Django: a child process may import the same module for its entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.core.models import Job


@dataclass(frozen=True)
class ChildTask:
    """What a child process is to do: call `entry(arguments, report)`, a `package.module:function` free of Django.

    `arguments` is JSON. `warm` names what the fork server should have ready before it forks: modules, or
    `module:function` to be called once (compiling, loading).
    """

    entry: str
    arguments: dict[str, Any] = field(default_factory=dict)
    warm: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runner:
    """How one kind of job is executed.

    `prepare(job)` runs in the worker, reads what the work needs and returns it as a `ChildTask`; the work itself runs
    in a child process of its own. `inline` is for work far shorter than a fork (a ping, a bit of bookkeeping): it runs
    in the supervisor itself and must neither block nor last. A runner has one or the other.
    """

    kind: str
    prepare: Callable[[Job], ChildTask] | None = None
    memory_mb: int | None = None
    inline: Callable[[Job], dict[str, Any]] | None = None
    warm: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.prepare is None) == (self.inline is None):
            raise ValueError(f"A runner has either prepare or inline: {self.kind}.")


_runners: dict[str, Runner] = {}


def register(runner: Runner) -> None:
    """Make known how a kind is executed."""
    _runners[runner.kind] = runner


def get(kind: str) -> Runner | None:
    """The runner of a kind, or None."""
    return _runners.get(kind)


def warm_ups() -> tuple[str, ...]:
    """Everything that any runner wants ready from the start."""
    return tuple(dict.fromkeys(name for runner in _runners.values() for name in runner.warm))


def load(modules: Iterable[str]) -> None:
    """Import the modules that register runners."""
    for name in modules:
        import_module(name)
