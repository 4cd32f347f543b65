"""The kinds of service there are. An app registers its own in `AppConfig.ready`, as it does its kinds of job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from apps.core import graces
from apps.core.engine.processes import RestartPolicy
from apps.core.errors import Invalid
from apps.core.jobs.kinds import NOTHING, Subject
from apps.core.models import Service

PATIENT = RestartPolicy(longest_seconds=120.0)
Listens = Literal["port", "socket", "nothing"]


class NoSpecification(BaseModel):
    """For kinds of which there is nothing to choose."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Needs:
    """What a service takes of its host. `device` is the accelerator it uses if the host has one; memory 0 is not counted."""

    memory_mb: int = 0
    threads: int = 1
    device: Literal["", "gpu"] = ""
    device_memory_mb: int = 0


@dataclass(frozen=True)
class Probe:
    """How a service shows that it is ready, and that it still is: it answers 2xx at `path`, or takes a connection if there
    is none. Not ready within `start_seconds`, or silent `failures` times in a row afterwards: then it is replaced.
    """

    path: str = "/health"
    start_seconds: float = 120.0
    every_seconds: float = 5.0
    timeout_seconds: float = 5.0
    failures: int = 3


@dataclass(frozen=True)
class Berth:
    """Where a service is about to be started: what it listens on, the secret its callers bring, and its accelerator."""

    service: Service
    host: str = ""
    port: int | None = None
    socket: str = ""
    secret: str = ""
    device: str = ""


@dataclass(frozen=True)
class Launch:
    """The process to start. Its environment is the worker's with this over it."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceKind:
    """A kind of service.

    `launch(berth)` runs in the worker that is about to start one and says what to start; it may read the database. A
    `specification` is parsed once, when the service is wanted. Workers of `queue` keep it. Unused for `idle_seconds` it is
    stopped, until it is wanted again; None keeps it running. `grace_seconds` is how long its process has to end once asked.
    """

    name: str
    title: str
    launch: Callable[[Berth], Launch]
    queue: str = "cpu"
    specification: type[BaseModel] = NoSpecification
    needs: Needs | Callable[[Any], Needs] = Needs()
    listens: Listens = "port"
    probe: Probe = Probe()
    idle_seconds: float | None = None
    grace_seconds: float = 10.0
    restarts: RestartPolicy = PATIENT
    subjects: Callable[[Sequence[Service]], Mapping[str, Subject]] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.grace_seconds <= graces.WORK:
            raise ValueError(f"grace_seconds is between 0 and {graces.WORK:g}, which workers wait: {self.name}.")
        if self.idle_seconds is not None and self.idle_seconds <= 0:
            raise ValueError(f"idle_seconds is more than 0, or None: {self.name}.")

    def parse(self, specification: Mapping[str, Any]) -> BaseModel:
        """What somebody wants, as its type; `Invalid` names the field."""
        try:
            return self.specification.model_validate(dict(specification))
        except ValidationError as error:
            raise Invalid.from_pydantic(error, within="specification") from None

    def needs_of(self, specification: BaseModel) -> Needs:
        """What a service so specified takes."""
        return self.needs(specification) if callable(self.needs) else self.needs


_kinds: dict[str, ServiceKind] = {}


def register(kind: ServiceKind) -> None:
    """Make a kind known."""
    _kinds[kind.name] = kind


def get(name: str) -> ServiceKind:
    """The kind of that name, or `Invalid` with the known ones."""
    kind = _kinds.get(name)
    if kind is None:
        known = f"there are {', '.join(names())}" if _kinds else "there are none yet"
        raise Invalid(f"There is no kind of service {name[:60]!r}; {known}.", field="kind")
    return kind


def find(name: str) -> ServiceKind | None:
    """The kind of that name, or None: a row may outlive the code that made it."""
    return _kinds.get(name)


def names() -> list[str]:
    """The names of all kinds, sorted."""
    return sorted(_kinds)


def of_queues(queues: Iterable[str]) -> list[str]:
    """The kinds that workers of these queues keep."""
    served = set(queues)
    return [name for name in names() if _kinds[name].queue in served]


def title_of(name: str) -> str:
    """A kind in words; its name where it is no longer known."""
    kind = _kinds.get(name)
    return kind.title if kind else name


def subjects(services: Iterable[Service]) -> dict[str, Subject]:
    """What each service is for, by id: a bounded number of statements a kind, however many services."""
    own: dict[str, list[Service]] = {}
    for service in services:
        own.setdefault(service.kind, []).append(service)
    found: dict[str, Subject] = {}
    for name in sorted(own):
        kind = _kinds.get(name)
        told = kind.subjects(own[name]) if kind is not None and kind.subjects is not None else {}
        found.update({one.pk: told.get(one.pk, NOTHING) for one in own[name]})
    return found
