"""The kinds of job there are, and all that each means to its app. The open end that lets core stay below.

An app registers a kind once, in `AppConfig.ready`: its title, its queue, what its jobs are about, what it wants to hear of
their lives, and where its runner is. Whoever shows, searches, meters or runs jobs asks here and knows nobody's models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from apps.core.jobs.reports import Report, Usage
from apps.core.models import Job


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
class AttemptEnd:
    """The end of one execution: attempt `number` of `job`, what it used and what became of it."""

    job: Job
    number: int
    usage: Usage
    outcome: str


@dataclass(frozen=True)
class Beat:
    """A sign of life of a running execution, with what it has used so far."""

    job_id: str
    attempt: int
    usage: Usage


@dataclass(frozen=True)
class Subject:
    """What a job, or a group of jobs, is about: a few words, where to look at it, and whose cost it is."""

    title: str = ""
    url: str = ""
    task_id: str | None = None
    strategy: str | None = None


NOTHING = Subject()


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    `runner` is the module of `workers` that says how its jobs are executed ("workers.experiments").
    `subjects` names what jobs are about, many at once, by job id; `groups` does so for topics of its jobs; `search` gives
    the ids of its jobs whose subject matches a text.

    The hooks take batches and run inside the transaction of what they hear of, each batch in one savepoint.
    `on_finish` hears of jobs that ended, whoever ended them (worker, sweeper, a person cancelling), exactly once a job;
    should it raise, its job fails instead. `on_status` hears of every other change of status, with the old one, and
    `on_report` of what a running job said; should they raise, that is recorded and the job goes on. `on_retry` runs
    inside the transaction that makes a new job out of an ended one, with the old and the new: the domain row points
    at the new one from then on, or raises a `Conflict` when it no longer wants it.
    """

    name: str
    title: str
    queue: str = "cpu"
    runner: str = ""
    subjects: Callable[[Sequence[Job]], Mapping[str, Subject]] | None = None
    groups: Callable[[Sequence[str]], Mapping[str, Subject]] | None = None
    search: Callable[[str], QuerySet[Any]] | None = None
    on_finish: Callable[[Sequence[Finished]], None] | None = None
    on_status: Callable[[Sequence[Job], str], None] | None = None
    on_report: Callable[[Job, Sequence[Report]], None] | None = None
    on_retry: Callable[[Job, Job], None] | None = None


AttemptHook = Callable[[Sequence[AttemptEnd]], None]
"""Called with all executions that end in one transaction, inside it."""
BeatHook = Callable[[Sequence[Beat]], None]
"""Called with every heartbeat of a worker, for all that it runs, inside its transaction: a budget may stop work here."""
ReportHook = Callable[[Job, Sequence[Report]], None]
"""Called with what a running job of any kind said, inside the transaction that writes it."""

_kinds: dict[str, Kind] = {}
_attempt_hooks: list[AttemptHook] = []
_beat_hooks: list[BeatHook] = []
_report_hooks: list[ReportHook] = []


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


def queues() -> list[str]:
    """The queues that kinds use, sorted."""
    return sorted({kind.queue for kind in _kinds.values()})


def runner_modules() -> list[str]:
    """Where the runners of all kinds are registered, sorted."""
    return sorted({kind.runner for kind in _kinds.values() if kind.runner})


def title_of(name: str) -> str:
    """A kind in words; its name where it is no longer known."""
    kind = _kinds.get(name)
    return kind.title if kind else name


def subjects(jobs: Iterable[Job]) -> dict[str, Subject]:
    """What each job is about, by job id: a bounded number of statements a kind, however many jobs."""
    found: dict[str, Subject] = {}
    for kind, own in by_kind(jobs):
        named = kind.subjects(own) if kind is not None and kind.subjects is not None else {}
        found.update({job.pk: named.get(job.pk, NOTHING) for job in own})
    return found


def groups(topics: Iterable[tuple[str, str]]) -> dict[str, Subject]:
    """What topics are about, from pairs of a kind's name and a topic of its jobs; topics nobody knows are left out."""
    asked: dict[str, set[str]] = {}
    for name, topic in topics:
        if topic:
            asked.setdefault(name, set()).add(topic)
    found: dict[str, Subject] = {}
    for name in sorted(asked):
        kind = _kinds.get(name)
        if kind is not None and kind.groups is not None:
            found.update(kind.groups(sorted(asked[name])))
    return found


def matching(text: str) -> list[QuerySet[Any]]:
    """The ids of jobs whose subject matches a text, a query a kind that can search."""
    return [kind.search(text) for _, kind in sorted(_kinds.items()) if kind.search is not None]


def by_kind(jobs: Iterable[Job]) -> list[tuple[Kind | None, list[Job]]]:
    """Jobs in groups of one kind, in a stable order; None is a kind that this version does not know."""
    own: dict[str, list[Job]] = {}
    for job in jobs:
        own.setdefault(job.kind, []).append(job)
    return [(_kinds.get(name), own[name]) for name in sorted(own)]


def on_attempt_end(hook: AttemptHook) -> None:
    """Add a hook for the end of every execution (the ledger's way in)."""
    if hook not in _attempt_hooks:
        _attempt_hooks.append(hook)


def attempt_hooks() -> tuple[AttemptHook, ...]:
    """The hooks, in order of registration."""
    return tuple(_attempt_hooks)


def on_beat(hook: BeatHook) -> None:
    """Add a hook for every heartbeat (a budget's way in)."""
    if hook not in _beat_hooks:
        _beat_hooks.append(hook)


def beat_hooks() -> tuple[BeatHook, ...]:
    """The hooks, in order of registration."""
    return tuple(_beat_hooks)


def on_any_report(hook: ReportHook) -> None:
    """Add a hook for what jobs of every kind say (the metric points' way in)."""
    if hook not in _report_hooks:
        _report_hooks.append(hook)


def report_hooks() -> tuple[ReportHook, ...]:
    """The hooks, in order of registration."""
    return tuple(_report_hooks)
