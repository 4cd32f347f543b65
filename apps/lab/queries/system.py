"""The machine room: hosts, workers, queues, leases, storage. A handful of statements whatever the number of jobs."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min
from django.utils import timezone

from apps.core.jobs import kinds
from apps.core.models import ACTIVE_STATUSES, WAITING_STATUSES, Job, JobStatus, QueueState, Worker

GONE_AFTER = timedelta(seconds=60)
"""A worker silent for this long is shown as gone (it reports every few seconds)."""

FORGOTTEN_AFTER = timedelta(days=1)
LEASES_SHOWN = 20


@dataclass(frozen=True)
class WorkerRow:
    """A worker as it last reported itself, and how many jobs it holds now."""

    worker: Worker
    alive: bool
    held: dict[str, int]

    @property
    def busy(self) -> str:
        """Its queues, and how many of each one's places are taken."""
        return _busy(self.worker.slots, self.held)

    @property
    def warming(self) -> str:
        """The kinds of job it is not ready for, and how far it is; empty when it is ready for all."""
        return " · ".join(
            f"{kind} {state['done']} of {state['total']}" if state.get("total") else str(kind)
            for kind, state in sorted(self.worker.warming.items())
        )

    @property
    def status(self) -> str:
        """The word for its badge."""
        return "ok" if self.alive else "gone"


@dataclass
class Host:
    """The workers of one host."""

    name: str
    workers: list[WorkerRow] = field(default_factory=list)

    @property
    def alive(self) -> int:
        """How many of its workers report."""
        return sum(row.alive for row in self.workers)

    @property
    def places(self) -> Counter[str]:
        """How many jobs of each queue it can run at once."""
        return sum((Counter(row.worker.slots) for row in self.workers if row.alive), Counter())

    @property
    def running(self) -> Counter[str]:
        """How many of each queue it runs."""
        return sum((Counter(row.held) for row in self.workers if row.alive), Counter())

    @property
    def busy(self) -> str:
        """Its queues, and how many of each one's places are taken."""
        return _busy(self.places, self.running)


def _busy(slots: Mapping[str, int], held: Mapping[str, int]) -> str:
    return " · ".join(f"{queue} {held.get(queue, 0)} of {slots[queue]}" for queue in sorted(slots))


@dataclass
class Queue:
    """A queue: what waits, runs and is paused in it, and whether somebody serves it."""

    name: str
    waiting: int = 0
    running: int = 0
    paused_jobs: int = 0
    oldest: datetime | None = None
    paused_at: datetime | None = None
    workers: int = 0
    slots: int = 0

    @property
    def status(self) -> str:
        """The word for its badge."""
        if self.paused_at:
            return "paused"
        if self.waiting and not self.workers:
            return "warning"
        if self.running:
            return "running"
        return "queued" if self.waiting else "ok"

    @property
    def word(self) -> str:
        """That state, said to a person."""
        words = {"paused": "paused", "warning": "no worker", "running": "working", "queued": "waiting", "ok": "idle"}
        return words[self.status]


def hosts() -> list[Host]:
    """Hosts by name with their workers; workers silent for a day are left out."""
    now = timezone.now()
    found: dict[str, Host] = {}
    held: dict[str, dict[str, int]] = {}
    running = Job.objects.filter(status=JobStatus.RUNNING).order_by().values_list("worker", "queue")
    for name, queue, number in running.annotate(Count("pk")):
        held.setdefault(name, {})[queue] = number
    for worker in Worker.objects.filter(last_seen_at__gte=now - FORGOTTEN_AFTER).order_by("host", "name"):
        host = found.setdefault(worker.host, Host(worker.host))
        alive = now - worker.last_seen_at < GONE_AFTER
        host.workers.append(WorkerRow(worker, alive=alive, held=held.get(worker.name, {})))
    return list(found.values())


def queues(known_hosts: list[Host]) -> list[Queue]:
    """Every queue that has a kind of job, a worker, work or a switch."""
    rows: dict[str, Queue] = {}

    def queue(name: str) -> Queue:
        return rows.setdefault(name, Queue(name))

    for name in kinds.queues():
        queue(name)
    for host in known_hosts:
        for row in host.workers:
            for name, slots in row.worker.slots.items():
                queue(name).workers += row.alive
                queue(name).slots += slots if row.alive else 0
    for state in QueueState.objects.all():
        queue(state.queue).paused_at = state.paused_at
    active = Job.objects.filter(status__in=ACTIVE_STATUSES).order_by()
    for name, status, number, oldest in active.values_list("queue", "status").annotate(Count("pk"), Min("created_at")):
        where = queue(name)
        if status in WAITING_STATUSES:
            where.waiting += number
            where.oldest = min(filter(None, (where.oldest, oldest)))
        elif status == JobStatus.RUNNING:
            where.running = number
        else:
            where.paused_jobs = number
    return sorted(rows.values(), key=lambda row: row.name)


def leases() -> list[Job]:
    """What is being executed now, the lease that ends first at the top."""
    running = Job.objects.filter(status=JobStatus.RUNNING).select_related("owner").order_by("lease_expires_at")
    return list(running[:LEASES_SHOWN])


@dataclass(frozen=True)
class Storage:
    """The disk under the storage folder, and the database."""

    path: str
    total: int
    used: int
    free: int
    database: int
    database_name: str

    @property
    def share(self) -> float:
        """How full the disk is, 0..1."""
        return self.used / self.total

    @property
    def status(self) -> str:
        """The word for its badge."""
        return "critical" if self.share > 0.95 else "warning" if self.share > 0.85 else "ok"


def storage() -> Storage:
    """How much room there is."""
    disk = shutil.disk_usage(settings.VAR_DIR)
    name, size = _database()
    return Storage(str(settings.VAR_DIR), disk.used + disk.free, disk.used, disk.free, size, name)


def _database() -> tuple[str, int]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return "PostgreSQL", int(cursor.fetchone()[0])
    path = Path(str(connection.settings_dict["NAME"]))
    return "SQLite", sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.is_file())


def last_seen() -> datetime | None:
    """When any worker last reported."""
    newest: datetime | None = Worker.objects.aggregate(newest=Max("last_seen_at"))["newest"]
    return newest
