"""What a job says, each kind of word a type: its stored form (the payload of a `JobEvent`) and its published form.

Writers make these, readers get them back with `read`; sockets and the API send `published()`, pages show `line()`. An app
that has something of its own to say registers a type of its own with `register`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from apps.core.jobs.statuses import published
from apps.core.words import pct

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

MAX_NOTE = 200
MAX_MESSAGE = 20_000
MAX_KEYS = 200
"""So many metrics one report may hold."""
MAX_KEY = 100
_LEVELS: Mapping[str, Level] = {
    "TRACE": "DEBUG",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "NOTICE": "INFO",
    "WARN": "WARNING",
    "WARNING": "WARNING",
    "ERROR": "ERROR",
    "CRITICAL": "ERROR",
    "FATAL": "ERROR",
}


class Line(NamedTuple):
    """A report as a line of a log for people."""

    level: str
    text: str


class Report(BaseModel):
    """Something a job says. Subclasses name their `type` and say how they are published."""

    model_config = ConfigDict(frozen=True, extra="allow")
    type: ClassVar[str]
    may_be_thinned: ClassVar[bool] = False
    """Whether some of a flood may be left out; what else is said is kept, however much."""
    is_event: ClassVar[bool] = True
    """Whether it is written to the event log; what is not is kept elsewhere by whoever hears of it."""

    @classmethod
    def heard(cls, payload: Mapping[str, Any]) -> Self:
        """From what a child process sent; a ValueError when it makes no sense."""
        return cls.model_validate(dict(payload))

    def stored(self) -> dict[str, Any]:
        """The payload of its event."""
        return self.model_dump(mode="json", exclude_none=True)

    def published(self) -> dict[str, Any]:
        """What programs are sent beside `type`, `cursor`, `job_id`, `topic`, `seq` and `timestamp`."""
        return {**self._named(), **self._context()}

    def line(self) -> Line | None:
        """What a log for people shows of it; nothing by default."""
        return None

    def _named(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields}

    def _context(self) -> dict[str, Any]:
        """What was said beyond the type's own fields."""
        return {"context": dict(self.model_extra)} if self.model_extra else {}


class Said(NamedTuple):
    """A report and when it was heard."""

    report: Report
    at: datetime


class Log(Report):
    """A line of a job's log (LogEvent of the published events)."""

    type: ClassVar[str] = "log"
    may_be_thinned: ClassVar[bool] = True
    level: Level = "INFO"
    message: str = Field("", max_length=MAX_MESSAGE)

    @field_validator("level", mode="before")
    @classmethod
    def _known_level(cls, value: Any) -> Any:
        return _LEVELS.get(str(value).upper(), "INFO")

    @field_validator("message", mode="before")
    @classmethod
    def _short_message(cls, value: Any) -> str:
        text = str(value)
        return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 20]}… ({len(text):,} in all)"

    def line(self) -> Line:
        """Itself."""
        return Line(self.level.lower(), self.message)


class Progress(Report):
    """How far a job is: `fraction` 0..1 and a few words. Published as `progress`."""

    type: ClassVar[str] = "progress"
    fraction: float = Field(ge=0, le=1, allow_inf_nan=False)
    note: str = ""

    @field_validator("fraction", mode="before")
    @classmethod
    def _within(cls, value: Any) -> Any:
        return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) and math.isfinite(value) else value

    @field_validator("note", mode="before")
    @classmethod
    def _short_note(cls, value: Any) -> str:
        return str(value)[:MAX_NOTE]

    def _named(self) -> dict[str, Any]:
        return {"progress": self.fraction, "note": self.note}

    def line(self) -> Line | None:
        """Only where there is a note."""
        return Line("debug", f"{pct(self.fraction, 0)} {self.note}") if self.note else None


class Metrics(Report):
    """Numbers at a step of the work (MetricsEvent), kept as metric points. A child may also send them flat:
    `{step, train_loss, ...}`."""

    type: ClassVar[str] = "metrics"
    is_event: ClassVar[bool] = False
    step: int = Field(0, ge=0, lt=2**53)
    metrics: dict[str, float | int | None] = Field(max_length=MAX_KEYS)

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or isinstance(value.get("metrics"), Mapping):
            return value
        return {"step": value.get("step", 0), "metrics": {k: v for k, v in value.items() if k != "step"}}

    @field_validator("metrics")
    @classmethod
    def _short_keys(cls, value: dict[str, Any]) -> dict[str, Any]:
        if any(not 0 < len(key) <= MAX_KEY for key in value):
            raise ValueError(f"the name of a metric has 1 to {MAX_KEY} characters")
        return value


class StatusChange(Report):
    """A change of status, of a job or, without one, of what its topic names (StatusChangeEvent)."""

    type: ClassVar[str] = "status_change"
    old_status: str
    new_status: str
    reason: str | None = None

    def _named(self) -> dict[str, Any]:
        return {
            "old_status": published(self.old_status),
            "new_status": published(self.new_status),
            "state": self.new_status,
            **({"reason": self.reason} if self.reason else {}),
        }

    def line(self) -> Line:
        """`old → new: reason`."""
        words = f"{self.old_status} → {self.new_status}" if self.old_status else self.new_status
        level = "error" if self.new_status in {"failed", "timeout"} else "info"
        return Line(level, f"{words}: {self.reason}" if self.reason else words)


class Result(Report):
    """What a job's work returned: whole when small, else its size and the names in it."""

    type: ClassVar[str] = "result"
    result: dict[str, Any] | None = None
    omitted_bytes: int | None = None
    keys: list[str] | None = None

    def stored(self) -> dict[str, Any]:
        """As it came: the work's own JSON, not walked again."""
        return (
            {"result": self.result} if self.omitted_bytes is None else self.model_dump(mode="json", exclude_none=True)
        )

    def _named(self) -> dict[str, Any]:
        size = {} if self.omitted_bytes is None else {"omitted_bytes": self.omitted_bytes, "keys": self.keys or []}
        return {"result": self.result, **size}


class Checkpoint(Report):
    """A place to go on from after a stop or a crash: the artefact that holds it, and how far the work then was.

    `artefact` is a sha256 in hex; `state` is small JSON that the next execution's `prepare` finds in `job.checkpoint`.
    `seconds` is the running time behind it, over all executions whose work is in it; the worker fills it in.
    """

    type: ClassVar[str] = "checkpoint"
    step: int = Field(0, ge=0, lt=2**53)
    artefact: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(0, ge=0)
    fraction: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    note: str = Field("", max_length=MAX_NOTE)
    state: dict[str, Any] = Field(default_factory=dict)

    def line(self) -> Line:
        """Its step and size."""
        return Line("info", f"Checkpoint at step {self.step:,}" + (f": {self.note}" if self.note else ""))


class Consumed(Report):
    """Tokens and calls used since the last such report: what no look at the process can tell. Counted, not logged."""

    type: ClassVar[str] = "usage"
    is_event: ClassVar[bool] = False
    tokens: int = Field(0, ge=0, lt=2**53)
    calls: dict[str, int] = Field(default_factory=dict, max_length=50)

    @field_validator("calls")
    @classmethod
    def _not_negative(cls, value: dict[str, int]) -> dict[str, int]:
        if any(count < 0 or len(name) > MAX_KEY for name, count in value.items()):
            raise ValueError(f"calls are counted from 0 up, under names of at most {MAX_KEY} characters")
        return value


@dataclass(frozen=True)
class Usage:
    """What one execution used: measured over its whole process group, and as it reported.

    Stored in the columns of `JobAttempt`, booked by the ledger; published as it is. Seconds, MB; null is not measured.
    """

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    gpu_memory_mb: float | None = None
    tokens: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)

    def plus(self, said: Consumed) -> Usage:
        """With what was reported added."""
        calls = {name: self.calls.get(name, 0) + said.calls.get(name, 0) for name in {*self.calls, *said.calls}}
        return replace(self, tokens=self.tokens + said.tokens, calls=dict(sorted(calls.items())))


_types: dict[str, type[Report]] = {
    shape.type: shape for shape in (Log, Progress, Metrics, StatusChange, Result, Checkpoint, Consumed)
}


def register(shape: type[Report]) -> None:
    """Make a type of report known; apps do so in `AppConfig.ready`."""
    standing = _types.setdefault(shape.type, shape)
    if standing is not shape:
        raise ValueError(f"The type of report {shape.type!r} is taken by {standing.__name__}.")


def types() -> list[str]:
    """The names of all types, sorted."""
    return sorted(_types)


def hear(type: str, payload: Any) -> Report:
    """What a child process said; a ValueError says what is wrong with it."""
    shape = _types.get(type)
    if shape is None:
        raise ValueError(f"there is no report of type {type[:40]!r}; there are {', '.join(types())}")
    if not isinstance(payload, Mapping):
        raise ValueError(f"a report of type {type} is an object, not {_called(payload)}")
    try:
        return shape.heard(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"a report of type {type}: {where + ': ' if where else ''}{first['msg']}") from None


def _called(value: Any) -> str:
    return {list: "a list", str: "text", type(None): "nothing"}.get(type(value), type(value).__name__)


def read(type: str, payload: Mapping[str, Any]) -> Report | None:
    """A stored report; nothing where a version since replaced wrote what this one does not understand."""
    shape = _types.get(type)
    if shape is None:
        return None
    try:
        return shape.model_validate(dict(payload))
    except ValidationError:
        return None
