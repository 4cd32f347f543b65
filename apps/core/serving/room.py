"""Whether a host can hold a service: what it has for services, less what those it holds have been given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.core.models import Service
from apps.core.words import count


@dataclass(frozen=True)
class Placed:
    """Where on the host a service goes: the accelerator it uses, empty for none."""

    device: str = ""


@dataclass(frozen=True)
class Room:
    """What a host has for services: memory in MB, cores, and the memory of each of its accelerators by name."""

    memory_mb: int
    threads: int
    devices: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Room | None:
        """As a worker's row tells it; None for a worker of a version that does not."""
        if not {"memory_mb", "threads"} <= stored.keys():
            return None
        return cls(int(stored["memory_mb"]), int(stored["threads"]), dict(stored.get("devices") or {}))

    def stored(self) -> dict[str, Any]:
        """For a worker's row."""
        return {"memory_mb": self.memory_mb, "threads": self.threads, "devices": dict(self.devices)}

    def place(self, service: Service, held: Iterable[Service]) -> Placed | str:
        """Where it goes beside those that are held, or why it does not fit.

        An accelerator is used where the host has one: the one with the most memory to give. A service that needs none of
        its memory in particular fits any.
        """
        others = [one for one in held if one.pk != service.pk]
        if service.threads > self.threads:
            return f"it needs {service.threads} cores, there are {self.threads}"
        free = self.memory_mb - sum(one.memory_mb for one in others)
        if service.memory_mb > max(0, free):
            return _short(service.memory_mb, free, self.memory_mb, "memory")
        if not service.device or not self.devices:
            return Placed()
        left = {
            name: size - sum(one.device_memory_mb for one in others if one.device_name == name)
            for name, size in self.devices.items()
        }
        name = max(sorted(left), key=lambda one: left[one])
        if service.device_memory_mb > max(0, left[name]):
            return _short(service.device_memory_mb, left[name], self.devices[name], f"memory of device {name}")
        return Placed(name)


def _short(needed: int, free: int, total: int, what: str) -> str:
    return f"it needs {count(needed)} MB, {count(max(0, free))} of {count(total)} MB {what} are free"
