"""The metric points of a stream for programs: those of its job, or of the jobs of its topic or group while they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apps.core.live import groups
from apps.core.live.feed import Feed, in_thread
from apps.core.live.log import Event, EventBatch, Scope
from apps.core.live.points import MAX_JOBS, PointReader
from apps.core.models import TERMINAL_STATUSES, Job, JobStatus


def running_in(scope: Scope) -> list[str]:
    """The jobs whose points a stream of this scope brings at first: the one it names, or those that run, the last first."""
    if scope.job_id is not None:
        return [scope.job_id]
    jobs = Job.objects.filter(status=JobStatus.RUNNING)
    if scope.topic is not None:
        jobs = jobs.filter(topic=scope.topic)
    elif scope.group is not None:
        jobs = jobs.filter(groups.within(scope.group))
    else:
        return []
    return list(jobs.order_by("-started_at", "-pk").values_list("pk", flat=True)[:MAX_JOBS])


class Watching:
    """Which jobs' points a stream has been told of, and what it has been sent.

    A job that begins while the stream is open joins it, with all it measures from its first step on; at most `MAX_JOBS`
    at once, and those that have ended make room.
    """

    def __init__(self, feed: Feed, scope: Scope) -> None:
        self._feed, self._scope = feed, scope
        self._by_event = scope.job_id is None and (scope.topic is not None or scope.group is not None)
        self._readers: dict[str, PointReader] = {}
        self._ended: set[str] = set()

    async def start(self) -> None:
        """Bring the points of the jobs there are, once the feed is open (what begins later, it tells) and after a reset."""
        for job_id in await in_thread(running_in, self._scope):
            self._readers.setdefault(job_id, PointReader(job_id))
        self._feed.watch(frozenset(self._readers))

    def hear(self, events: Iterable[Event]) -> None:
        """Jobs that have begun join, those that have ended may leave."""
        if not self._by_event:
            return
        begun = False
        for event in events:
            status = event.payload.get("new_status") if event.type == "status_change" and event.job_id else None
            if event.job_id and status == JobStatus.RUNNING:
                begun = self._join(event.job_id) or begun
            elif event.job_id in self._readers and status in TERMINAL_STATUSES:
                self._ended.add(event.job_id)
        if begun:
            self._feed.watch(frozenset(self._readers))

    def _join(self, job_id: str) -> bool:
        self._ended.discard(job_id)
        if job_id in self._readers:
            return False
        if len(self._readers) >= MAX_JOBS:
            leaving = next((one for one in self._readers if one in self._ended), None)
            if leaving is None:
                return False
            del self._readers[leaving]
            self._ended.discard(leaving)
        self._readers[job_id] = PointReader(job_id, from_start=True)
        return True

    def messages(self, batch: EventBatch) -> list[dict[str, Any]]:
        """What is new of the jobs that a batch says have moved."""
        return _messages(self._readers, batch)


def _messages(readers: Mapping[str, PointReader], batch: EventBatch) -> list[dict[str, Any]]:
    return [
        said for job_id in sorted(batch.moved) if job_id in readers for said in readers[job_id].messages(batch.cursor)
    ]
