"""How each kind of job is executed. One file a kind in this folder registers its `Runner` here.

Imports nothing of Django: a child process may import the same module for its entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from apps.core import graces

if TYPE_CHECKING:
    from apps.core.models import Job


Device = Literal["gpu"]


@dataclass(frozen=True)
class ChildTask:
    """What a child process is to do: call `entry(arguments, report)`, a `package.module:function` free of Django.

    `arguments` is JSON.
    """

    entry: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Runner:
    """How one kind of job is executed, and what hardware its work needs.

    `prepare(job)` runs in the worker, reads what the work needs and returns it as a `ChildTask`; the work itself runs
    in a child process of its own. `inline` is for work far shorter than a fork (a ping, a bit of bookkeeping): it runs
    in the supervisor itself and must neither block nor last. A runner has one or the other.

    `warm` names what is loaded before the first fork: modules, or `module:function` to be called once. `prepare_command`
    is run before that, by this interpreter (`("-m", "package.module")`): long work that need only be done once on a
    machine, such as compiling (`workers.warmth.Preparation`). Jobs of the kind wait until both are done; those of other kinds do not.

    `fresh` gives each job an interpreter of its own, so nothing is warm. `threads` is how many its libraries may start;
    what is warm was loaded with one. `memory_mb` is what its process may take (0: all there is; None: the setting).
    `device` is the accelerator it needs if the machine has one. `per_host` bounds how many run on one machine.

    `grace_seconds` is how long the work has, once it is asked to end, to write a checkpoint (`workers.inside.Report`)
    before it is killed; without it is killed at once.
    """

    kind: str
    prepare: Callable[[Job], ChildTask] | None = None
    inline: Callable[[Job], dict[str, Any]] | None = None
    fresh: bool = False
    memory_mb: int | None = None
    threads: int = 1
    device: Device | None = None
    per_host: int | None = None
    grace_seconds: float = 0.0
    warm: tuple[str, ...] = ()
    prepare_command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.prepare is None) == (self.inline is None):
            raise ValueError(f"A runner has either prepare or inline: {self.kind}.")
        if self.fresh and self.warm:
            raise ValueError(f"A fresh interpreter has nothing warm: {self.kind}.")
        if self.threads < 1 or (self.threads > 1 and not self.fresh):
            raise ValueError(f"Threads are at least 1, and more only in a fresh interpreter: {self.kind}.")
        if self.per_host is not None and self.per_host < 1:
            raise ValueError(f"per_host is at least 1: {self.kind}.")
        if not 0 <= self.grace_seconds <= graces.WORK:
            raise ValueError(f"grace_seconds is between 0 and {graces.WORK:g}, which workers wait: {self.kind}.")

    @property
    def scarce(self) -> bool:
        """Whether a machine runs only so many of its jobs, whatever its workers have free."""
        return self.device is not None or self.per_host is not None


_runners: dict[str, Runner] = {}


def register(runner: Runner) -> None:
    """Make known how a kind is executed."""
    _runners[runner.kind] = runner


def get(kind: str) -> Runner | None:
    """The runner of a kind, or None."""
    return _runners.get(kind)


def all_runners() -> list[Runner]:
    """Every runner, by kind."""
    return [_runners[kind] for kind in sorted(_runners)]


def load(modules: Iterable[str]) -> None:
    """Import the modules that register runners."""
    for name in modules:
        import_module(name)
