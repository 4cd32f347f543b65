"""What a machine has for the work: accelerators, one to a job; threads; the memory of an accelerator.

Imports nothing of Django and nothing that a host without an accelerator lacks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_THREAD_VARIABLES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "BLIS", "RAYON")
_DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MB = 1024 * 1024


def boot_id() -> str:
    """What the kernel calls this run of the machine: another after every start, the same in all its containers."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text().strip()
    return ""


def thread_variables(threads: int, *, fresh: bool) -> dict[str, str]:
    """How many threads libraries may start. They look once, when they are loaded.

    The threads of an interpreter of its own sleep while they wait: spinning ones would take their cores from others.
    """
    variables = {f"{library}_NUM_THREADS": str(threads) for library in _THREAD_VARIABLES}
    variables["VECLIB_MAXIMUM_THREADS"] = str(threads)
    if fresh:
        variables |= {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    return variables


# --- accelerators ---------------------------------------------------------------------------------------------------


def devices(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The accelerators this process may use, as `CUDA_VISIBLE_DEVICES` names them: numbers, or ids where it holds ids."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = [name.strip() for name in given.split(",")]
        usable: list[str] = []
        for name in names:  # as the driver reads it: what follows an unknown one is not there
            if not name or name == "-1":
                break
            usable.append(name)
        return tuple(usable)
    with contextlib.suppress(OSError):
        return tuple(str(number) for number in range(len(list(_DRIVER_FOLDER.iterdir()))))
    return ()


@dataclass
class Place:
    """A place at an accelerator, held until it is given back or its holder dies."""

    device: str
    descriptor: int

    def give_back(self) -> None:
        """Let somebody else have it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def variables(self) -> dict[str, str]:
        """What the work's environment says of it. Numbers are the bus's, as the driver's own tools count."""
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": self.device}


class Places:
    """The places at the accelerators of this machine, shared by all its workers.

    There are `limit` of them: one a device before any device gets a second. Where there is no device, the work runs
    without. Each place is a lock on a file, which the kernel releases however its holder dies; the folder is this
    run of the machine's, since the storage folder may be shared by many.
    """

    def __init__(self, folder: Path, *, limit: int, known: Iterable[str] | None = None) -> None:
        found = tuple(devices() if known is None else known)
        self._folder = folder / "devices" / (boot_id() or "machine")
        self._places = [
            (
                found[number % len(found)] if found else "",
                f"{number % max(1, len(found))}.{number // max(1, len(found))}",
            )
            for number in range(limit)
        ]

    def take(self) -> Place | None:
        """The emptiest device's place, or None when all are taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for device, name in self._places:
            descriptor = os.open(self._folder / f"gpu-{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                continue
            return Place(device, descriptor)
        return None


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def memory_mb() -> int:
    """The memory of this machine, or of the container it runs in."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            pages = min(pages, int(limit.read_text()))
    return pages // _MB


# --- their memory ---------------------------------------------------------------------------------------------------


class Meter:
    """Reads from the driver (NVML) how much of an accelerator's memory some processes use, where that can be read."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._tried = False

    def memory_mb(self, device: str, pids: Iterable[int]) -> float | None:
        """What these processes hold of a device now; None where nobody can say."""
        nvml = self._driver()
        if nvml is None or not device:
            return None
        wanted = set(pids)
        try:
            handle = _handle(nvml, device)
            running = [*nvml.nvmlDeviceGetComputeRunningProcesses(handle)]
        except nvml.NVMLError:
            return None
        ours = [process.usedGpuMemory for process in running if process.pid in wanted]
        if any(used is None for used in ours):
            return None
        return float(sum(ours)) / _MB

    def total_mb(self, device: str) -> int | None:
        """All the memory of a device; None where nobody can say."""
        nvml = self._driver()
        if nvml is None or not device:
            return None
        try:
            return int(nvml.nvmlDeviceGetMemoryInfo(_handle(nvml, device)).total) // _MB
        except nvml.NVMLError:
            return None

    def _driver(self) -> Any:
        if not self._tried:
            self._tried = True
            with contextlib.suppress(Exception):  # not installed, no driver, no right to ask it
                import pynvml

                pynvml.nvmlInit()
                self._nvml = pynvml
        return self._nvml


def _handle(nvml: Any, device: str) -> Any:
    if device.isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(device))
    return nvml.nvmlDeviceGetHandleByUUID(device)
