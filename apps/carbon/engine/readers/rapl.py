"""RAPL: the energy counters of Intel's and AMD's processors, as files of the kernel (powercap)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apps.carbon.engine.counters import Reading
from apps.carbon.engine.energy import Component, Kind, Method

ROOT = Path("/sys/class/powercap")
_MICRO = 1e-6


@dataclass(frozen=True)
class Domain:
    """One counter: a socket, or the memory behind it."""

    component: Component
    path: Path
    wraps_at: float | None


def domains(root: Path = ROOT) -> list[Domain]:
    """The counters that add up to the machine without counting anything twice.

    Sockets (`intel-rapl:0`) and the memory beside them (`dram`, which no socket includes). Cores and graphics are parts
    of their socket, `psys` is the whole board, and `intel-rapl-mmio` shows the same counters a second time.
    """
    found: list[Domain] = []
    for folder in sorted(root.glob("intel-rapl:*")):
        name = _text(folder / "name")
        if not (name.startswith("package") or name == "dram") or _number(folder / "energy_uj") is None:
            continue
        kind = Kind.RAM if name == "dram" else Kind.CPU
        # Sockets are numbered by their name; a memory takes the number of the socket that it stands below.
        label = name if kind is Kind.CPU else f"dram-{folder.name.split(':')[1]}"
        most = _number(folder / "max_energy_range_uj")
        found.append(Domain(Component(kind, label), folder / "energy_uj", most * _MICRO if most else None))
    return _without_mirrors(found)


def _without_mirrors(found: list[Domain]) -> list[Domain]:
    """Processors of several dies show one socket's counter once a die: kept once."""
    kept: list[Domain] = []
    seen: list[float] = []
    for domain in found:
        value = (_number(domain.path) or 0.0) * _MICRO
        if domain.component.kind is Kind.CPU and value > 0:
            if any(abs(value - other) <= max(1.0, 1e-6 * value) for other in seen):
                continue
            seen.append(value)
        kept.append(domain)
    return kept


class Rapl:
    """Reads all of them."""

    def __init__(self, root: Path = ROOT) -> None:
        self._domains = domains(root)

    @property
    def components(self) -> tuple[Component, ...]:
        """What it reads."""
        return tuple(domain.component for domain in self._domains)

    def read(self, at: float, steady: float) -> list[Reading]:
        """Each counter now; null where a file cannot be read, which is root's to allow."""
        readings = []
        for domain in self._domains:
            value = _number(domain.path)
            readings.append(
                Reading(
                    domain.component,
                    at,
                    steady,
                    None if value is None else value * _MICRO,
                    Method.MEASURED,
                    wraps_at=domain.wraps_at,
                    fault="" if value is not None else f"{domain.path} could not be read",
                )
            )
        return readings


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    text = _text(path)
    return float(text) if text.isdecimal() else None
