"""The machine room: hosts, workers, queues, leases, storage. A handful of statements whatever the number of jobs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.core.jobs import kinds
from apps.core.models import Job, JobStatus, QueueState, Worker

GONE_AFTER = timedelta(seconds=60)
"""A worker silent for this long is shown as gone (it reports every few seconds)."""

FORGOTTEN_AFTER = timedelta(days=1)
_WAITING = (JobStatus.PENDING, JobStatus.QUEUED)
LEASES_SHOWN = 20


@dataclass(frozen=True)
class WorkerRow:
    """A worker as it last reported itself, and how many jobs it holds now."""

    worker: Worker
    alive: bool
    running: int

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
    def places(self) -> int:
        """How many jobs it can run at once."""
        return sum(row.worker.concurrency for row in self.workers if row.alive)

    @property
    def running(self) -> int:
        """How many it runs."""
        return sum(row.running for row in self.workers if row.alive)


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
    held = Job.objects.filter(status=JobStatus.RUNNING, worker=OuterRef("name")).order_by().values("worker")
    workers = Worker.objects.filter(last_seen_at__gte=now - FORGOTTEN_AFTER).order_by("host", "name")
    for worker in workers.annotate(held=Coalesce(Subquery(held.annotate(n=Count("pk")).values("n")), 0)):
        host = found.setdefault(worker.host, Host(worker.host))
        host.workers.append(WorkerRow(worker, alive=now - worker.last_seen_at < GONE_AFTER, running=worker.held))
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
            for name in row.worker.queues:
                queue(name).workers += row.alive
    for state in QueueState.objects.all():
        queue(state.queue).paused_at = state.paused_at
    active = Job.objects.filter(status__in=(*_WAITING, JobStatus.RUNNING, JobStatus.PAUSED)).order_by()
    for name, status, number, oldest in active.values_list("queue", "status").annotate(Count("pk"), Min("created_at")):
        where = queue(name)
        if status in _WAITING:
            where.waiting += number
            where.oldest = min(filter(None, (where.oldest, oldest)))
        elif status == JobStatus.RUNNING:
            where.running = number
        else:
            where.paused_jobs = number
    return sorted(rows.values(), key=lambda row: row.name)


def queue_choices() -> list[tuple[str, str]]:
    """The queues there are, for a filter."""
    return [(queue.name, queue.name) for queue in queues(hosts())]


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
