"""What `manage.py doctor` looks at: each check says what it found and, where something is wrong, the remedy."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from kombu.connection import Connection

from apps.core.disk import NEEDED_MB, is_read_only, trouble_of, writing_trouble
from apps.core.health import GIB, LOW_DISK_GB, cache_answers, gpu_info
from apps.core.models import Worker

OK, WARN, FAIL = "ok", "warn", "fail"
_WORKER_SEEN_WITHIN = timedelta(seconds=60)
_CLOCK_TOLERANCE_SECONDS = 2.0
_BROKER_SECONDS = 5.0
_READ = "Read the message; then ask again."
_MAKE_ROOM = "Make room (old files under the storage folder, a larger disk), or mount it for writing; then ask again."


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    state: str
    message: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For `--json`."""
        return asdict(self)


def examine() -> list[Finding]:
    """Every check; one that breaks is a finding itself."""
    findings: list[Finding] = []
    for check in _CHECKS:
        try:
            findings.extend(check())
        except Exception as error:
            name = check.__name__.strip("_").replace("_", " ")
            findings.append(_of_disk(name, error) or Finding(name, FAIL, f"{type(error).__name__}: {error}", _READ))
    return findings


def _of_disk(name: str, error: Exception) -> Finding | None:
    """A finding in the disk's words, when it is the disk's doing."""
    trouble = trouble_of(error)
    return Finding(name, FAIL, trouble.message, _MAKE_ROOM) if trouble is not None else None


def _python() -> Iterator[Finding]:
    yield Finding("python", OK, f"{platform.python_version()}, {sys.executable}")
    wanted = [
        line.split("==") for line in (settings.BASE_DIR / "requirements.txt").read_text().splitlines() if "==" in line
    ]
    other = [
        f"{name} {found}, not {pin}" for name, pin in wanted if (found := _installed(name)).partition("+")[0] != pin
    ]
    if other:
        yield Finding("packages", WARN, "; ".join(other[:4]), "Run: make setup")
    else:
        yield Finding("packages", OK, f"{len(wanted)} as pinned")
    build = _installed("torch")
    if build.endswith("+cpu") and settings.CONFIG.torch != "cpu" and gpu_info().available:
        yield Finding(
            "torch", WARN, f"{build} cannot use the GPU of this machine", "Run: TERRARIUM_TORCH=cuda make setup"
        )


def _installed(requirement: str) -> str:
    try:
        return metadata.version(requirement.partition("[")[0])
    except metadata.PackageNotFoundError:
        return "missing"


def _settings() -> Iterator[Finding]:
    found = checks.run_checks(tags=[checks.Tags.security])
    ours = [message for message in found if str(message.id).startswith("terrarium.")]
    for message in ours:
        state = FAIL if message.level >= checks.ERROR else WARN
        yield Finding("settings", state, str(message.msg), str(message.hint or ""))
    if not ours:
        yield Finding(
            "settings", OK, f"{settings.CONFIG.env}, {'login' if settings.CONFIG.enable_auth else 'single user'}"
        )


def _database() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version()" if connection.vendor == "postgresql" else "SELECT sqlite_version()")
            version = str(cursor.fetchone()[0]).split(" on ")[0]
    except DatabaseError as error:
        told = f"It does not answer: {error}"
        yield _of_disk("database", error) or Finding("database", FAIL, told, "Start it, or correct DATABASE_URL.")
        return
    yield Finding("database", OK, f"{connection.vendor} {version}")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _backwards in missing[:3])
        yield Finding("migrations", FAIL, f"{len(missing)} not applied: {names} …", "Run: python manage.py migrate")
    else:
        yield Finding("migrations", OK, "all applied")


def _broker() -> Iterator[Finding]:
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    for key in ("data_folder_in", "data_folder_out", "control_folder", "processed_folder"):
        if key in options:
            Path(options[key]).mkdir(parents=True, exist_ok=True)
    url = settings.CELERY_BROKER_URL
    word, began = uuid.uuid4().hex, time.monotonic()
    try:
        with Connection(url, transport_options=options, connect_timeout=_BROKER_SECONDS) as broker:  # type: ignore[no-untyped-call]
            queue = broker.SimpleQueue(f"doctor-{word}", queue_opts={"durable": False, "auto_delete": True})
            queue.put({"word": word})
            message = queue.get(timeout=_BROKER_SECONDS)
            message.ack()
            came_back = message.payload.get("word") == word
            queue.queue.delete()
            queue.close()
    except Exception as error:
        remedy = (
            "Start Redis, or correct REDIS_URL." if settings.CONFIG.redis_url else f"Make {settings.VAR_DIR} writable."
        )
        told = f"A message did not come back: {type(error).__name__} {error}"
        yield _of_disk("broker", error) or Finding("broker", FAIL, told, remedy)
        return
    if came_back:
        yield Finding(
            "broker", OK, f"{url.split('://')[0]}: a message came back in {(time.monotonic() - began) * 1000:.0f} ms"
        )
    else:
        yield Finding("broker", FAIL, "Another message came back than was sent.", "Empty the broker and start again.")
    if not cache_answers():
        yield Finding("cache", FAIL, "The cache does not keep what it is given.", "Start Redis, or correct REDIS_URL.")


def _storage() -> Iterator[Finding]:
    folder = settings.VAR_DIR
    trouble = writing_trouble()
    if trouble is None:
        yield Finding("storage", OK, f"{folder} is writable")
    elif folder.is_dir() and not os.access(folder, os.W_OK) and not is_read_only(folder):
        remedy = f"Give this user the folder: chown -R {os.getuid()} {folder}"
        yield Finding("storage", FAIL, f"{folder} cannot be written by this user.", remedy)
    else:
        yield Finding("storage", FAIL, f"{folder}: {trouble.message}", _MAKE_ROOM)
    yield from _disk(folder)


def _disk(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    room = f"{free / GIB:.1f} GB free" if free >= GIB else f"{free / 2**20:.0f} MB free"
    if free < NEEDED_MB * 2**20:
        yield Finding("disk", FAIL, f"{room}; at least {NEEDED_MB} MB are needed", _MAKE_ROOM)
    elif free / GIB < LOW_DISK_GB:
        yield Finding("disk", WARN, room, _MAKE_ROOM)
    else:
        yield Finding("disk", OK, room)


def _secrets() -> Iterator[Finding]:
    loose = []
    for name in ("secret_key", "jwt_secret_key"):
        path = settings.VAR_DIR / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            loose.append(str(path))
    if loose:
        yield Finding("secrets", FAIL, f"Others can read {', '.join(loose)}.", f"Run: chmod 600 {' '.join(loose)}")
    else:
        yield Finding("secrets", OK, "readable by their owner only")


def _workers() -> Iterator[Finding]:
    alive = Worker.objects.filter(last_seen_at__gte=timezone.now() - _WORKER_SEEN_WITHIN).order_by("name")
    queues = sorted({queue for worker in alive for queue in worker.queues})
    if alive:
        yield Finding("workers", OK, f"{len(alive)} alive, on {', '.join(queues)}")
    else:
        yield Finding(
            "workers",
            WARN,
            "None has been seen in the last minute: jobs wait.",
            "Run: make run, or python manage.py worker",
        )


def _clock() -> Iterator[Finding]:
    now = time.time()
    if datetime.fromtimestamp(now, UTC).year < 2025:
        yield Finding("clock", FAIL, "This machine's clock is years behind.", "Set it, or run a time service.")
        return
    skew = 0.0
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            skew = abs(float(cursor.fetchone()[0]) - time.time())
    if skew > _CLOCK_TOLERANCE_SECONDS:
        yield Finding("clock", WARN, f"{skew:.1f} s away from the database's", "Run a time service on both machines.")
    else:
        yield Finding("clock", OK, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC on {socket.gethostname()}")


def _sandbox() -> Iterator[Finding]:
    bwrap = shutil.which("bwrap")
    works = bwrap is not None and (
        subprocess.run([bwrap, "--ro-bind", "/", "/", "true"], capture_output=True, timeout=5, check=False).returncode
        == 0
    )
    if works:
        yield Finding("bubblewrap", OK, str(bwrap))
    else:
        what = "is not installed" if bwrap is None else "may not make namespaces here"
        yield Finding(
            "bubblewrap",
            WARN,
            f"It {what}; programs are confined by process limits only.",
            "Install the package bubblewrap.",
        )


def _gpu() -> Iterator[Finding]:
    gpu = gpu_info()
    yield Finding("gpu", OK, f"{gpu.count} x {gpu.name}" if gpu.available else "none, and nothing here needs one")


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _settings,
    _database,
    _broker,
    _storage,
    _secrets,
    _workers,
    _clock,
    _sandbox,
    _gpu,
)
