"""NVML: the energy counters of NVIDIA's accelerators, in the driver. Older ones tell their power only."""

from __future__ import annotations

import contextlib
from typing import Any

from apps.carbon.engine.counters import Meter, Reading
from apps.carbon.engine.energy import Component, Kind, Method

POWER_ONLY = 0.15
"""Of a power that is sampled now and then and summed, relative: its sensor is itself on only part of the time."""


class Nvml:
    """Reads every accelerator of the host. Where there is no driver, there are none."""

    def __init__(self, library: Any = None) -> None:
        self._nvml = library if library is not None else _library()
        self._devices: list[tuple[Component, Any, Meter | None]] = []
        if self._nvml is not None:
            self._find()

    def _find(self) -> None:
        with contextlib.suppress(Exception):
            self._nvml.nvmlInit()
            for number in range(self._nvml.nvmlDeviceGetCount()):
                handle = self._nvml.nvmlDeviceGetHandleByIndex(number)
                component = Component(Kind.GPU, str(number))
                meter = None if self._energy(handle) is not None else Meter()
                if meter is None or self._watts(handle) is not None:
                    self._devices.append((component, handle, meter))

    @property
    def components(self) -> tuple[Component, ...]:
        """What it reads, numbered as the bus does."""
        return tuple(component for component, _, _ in self._devices)

    def names(self) -> list[str]:
        """The accelerators as their maker calls them."""
        found = []
        for _, handle, _ in self._devices:
            name = self._nvml.nvmlDeviceGetName(handle)
            found.append(name.decode() if isinstance(name, bytes) else str(name))
        return found

    def read(self, at: float, steady: float) -> list[Reading]:
        """Each counter now."""
        return [self._read(component, handle, meter, at, steady) for component, handle, meter in self._devices]

    def _read(self, component: Component, handle: Any, meter: Meter | None, at: float, steady: float) -> Reading:
        fault = f"the driver gave no reading of {component}"
        if meter is None:
            joules = self._energy(handle)
            return Reading(component, at, steady, joules, Method.MEASURED, fault="" if joules is not None else fault)
        watts = self._watts(handle)
        total = meter.take(steady, watts) if watts is not None else None
        return Reading(
            component,
            at,
            steady,
            total,
            Method.MEASURED,
            POWER_ONLY,
            lasts=False,
            fault="" if watts is not None else fault,
        )

    def _energy(self, handle: Any) -> float | None:
        with contextlib.suppress(Exception):
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000.0
        return None

    def _watts(self, handle: Any) -> float | None:
        with contextlib.suppress(Exception):
            return float(self._nvml.nvmlDeviceGetPowerUsage(handle)) / 1000.0
        return None


def _library() -> Any:
    try:
        import pynvml
    except ImportError:
        return None
    return pynvml
