"""The ledger in the forms of others: codecarbon's `emissions.csv`, BoAmps, SCI for AI, a model card's `co2_eq_emissions`.

What is not known is left out or empty, never zero.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from apps.carbon.engine.energy import JOULES_PER_KWH, Kind, Method


@dataclass(frozen=True)
class Machine:
    """Where it ran, as far as it is known."""

    os: str = ""
    python: str = ""
    cores: int | None = None
    processor: str = ""
    gpus: tuple[str, ...] = ()
    memory_gb: float | None = None


@dataclass(frozen=True)
class Record:
    """What a piece of work used. Joules are the devices', without the building's overhead (PUE)."""

    key: str
    title: str
    stage: str
    """training, finetuning, inference, solving: in BoAmps' words where it has one."""
    family: str
    started: datetime
    seconds: float
    joules: Mapping[Kind, float]
    grams_per_kwh: float | None
    grams: float | None
    place_code: str
    place_name: str
    pue: float = 1.0
    method: Method = Method.CONSTANT
    uncertainty: float = 0.5
    machine: Machine = field(default_factory=Machine)
    algorithm: str = ""
    model: str = ""
    tokens: int | None = None
    requests: int | None = None
    accuracy: float | None = None
    share: float = 1.0
    embodied_grams: float | None = None

    @property
    def kwh(self) -> float:
        """With the overhead, once."""
        return sum(self.joules.values()) * self.pue / JOULES_PER_KWH

    def kwh_of(self, kind: Kind) -> float | None:
        """Of one kind of component, with the overhead."""
        return self.joules[kind] * self.pue / JOULES_PER_KWH if kind in self.joules else None

    def watts_of(self, kind: Kind) -> float | None:
        """Its mean power."""
        return self.joules[kind] / self.seconds if kind in self.joules and self.seconds > 0 else None


# --- codecarbon -----------------------------------------------------------------------------------------------------

CODECARBON_COLUMNS = (
    "timestamp", "project_name", "run_id", "experiment_id", "duration", "emissions", "emissions_rate",
    "cpu_power", "gpu_power", "ram_power", "cpu_energy", "gpu_energy", "ram_energy", "energy_consumed", "water_consumed",
    "country_name", "country_iso_code", "region", "cloud_provider", "cloud_region", "os", "python_version",
    "codecarbon_version", "cpu_count", "cpu_model", "gpu_count", "gpu_model", "longitude", "latitude", "ram_total_size",
    "tracking_mode", "cpu_utilization_percent", "gpu_utilization_percent", "ram_utilization_percent", "ram_used_gb",
    "on_cloud", "pue", "wue",
)  # fmt: skip
"""The columns of codecarbon 3.3, in its order."""


def codecarbon_csv(records: Iterable[Record], *, project: str, codecarbon_version: str = "") -> Iterable[str]:
    """`emissions.csv`, line by line: kilograms, kilowatt-hours with the PUE in them, watts, seconds."""
    yield _line(CODECARBON_COLUMNS)
    for record in records:
        row = _codecarbon_row(record, project, codecarbon_version)
        yield _line(["" if row.get(name) is None else row[name] for name in CODECARBON_COLUMNS])


def _codecarbon_row(record: Record, project: str, version: str) -> dict[str, Any]:
    kilograms = None if record.grams is None else record.grams / 1000
    country, _, region = record.place_code.partition("-")
    machine = record.machine
    row: dict[str, Any] = {
        "timestamp": record.started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "project_name": _cell(project),
        "run_id": record.key,
        "experiment_id": _cell(record.title),
        "duration": record.seconds,
        "emissions": kilograms,
        "emissions_rate": kilograms / record.seconds if kilograms is not None and record.seconds > 0 else None,
        "energy_consumed": record.kwh,
        "country_name": _cell(record.place_name),
        "country_iso_code": country,
        "region": region,
        "os": _cell(machine.os),
        "python_version": machine.python,
        "codecarbon_version": version,
        "cpu_count": machine.cores,
        "cpu_model": _cell(machine.processor),
        "gpu_count": len(machine.gpus),
        "gpu_model": _cell(", ".join(machine.gpus)),
        "ram_total_size": machine.memory_gb,
        "tracking_mode": "process",
        "on_cloud": "N",
        "pue": record.pue,
    }
    for kind in Kind:
        row[f"{kind}_energy"], row[f"{kind}_power"] = record.kwh_of(kind), record.watts_of(kind)
    return row


def _line(values: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _cell(text: str) -> str:
    """Text that a spreadsheet will not run as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


# --- BoAmps ----------------------------------------------------------------------------------------------------------

BOAMPS_VERSION = "1.1.0"
_BOAMPS_METHOD = {Method.MEASURED: "hardware counters", Method.MODELLED: "codecarbon", Method.CONSTANT: "constant"}


def boamps(record: Record, *, product: str, product_version: str, made: datetime, report_id: str) -> dict[str, Any]:
    """A report by the published schema of Boavizta: `dataset` (not datasets), types of components, shares of 0 to 1."""
    measure = {
        "measurementMethod": f"{product}: {_BOAMPS_METHOD[record.method]}",
        "manufacturer": product,
        "version": product_version,
        "cpuTrackingMode": str(record.method),
        "powerConsumption": record.kwh,
        "measurementDuration": record.seconds,
        "measurementDateTime": _boamps_time(record.started),
    }
    if record.machine.gpus:
        measure["gpuTrackingMode"] = "nvml"
    algorithm = {"algorithmName": record.algorithm or record.stage}
    if record.model:
        algorithm["foundationModelName"] = record.model
    task: dict[str, Any] = {
        "taskStage": record.stage,
        "taskFamily": record.family,
        "algorithms": [algorithm],
        "dataset": [_boamps_data("input", record.tokens)],
        "taskDescription": record.title,
    }
    if record.requests is not None:
        task["nbRequest"] = record.requests
    if record.accuracy is not None:
        task["measuredAccuracy"] = record.accuracy
    environment: dict[str, Any] = {"country": record.place_name}
    if record.grams_per_kwh is not None:
        environment["powerSourceCarbonIntensity"] = record.grams_per_kwh
    return {
        "header": {
            "licensing": "CC-BY-4.0",
            "formatVersion": BOAMPS_VERSION,
            "formatVersionSpecificationUri": "https://github.com/Boavizta/BoAmps/tree/main/model",
            "reportId": report_id,
            "reportDatetime": _boamps_time(made),
            "reportStatus": "final",
            "publisher": {"confidentialityLevel": "internal"},
        },
        "task": task,
        "measures": [measure],
        "system": {"os": record.machine.os or "unknown"},
        "software": {"language": "python", **({"version": record.machine.python} if record.machine.python else {})},
        "infrastructure": {"infraType": "onPremise", "components": _boamps_components(record)},
        "environment": environment,
        "quality": "high" if record.uncertainty <= 0.1 else "medium" if record.uncertainty <= 0.25 else "low",
    }


def _boamps_data(usage: str, tokens: int | None) -> dict[str, Any]:
    return {"dataUsage": usage, "dataType": "token", **({"dataQuantity": tokens} if tokens is not None else {})}


def _boamps_components(record: Record) -> list[dict[str, Any]]:
    machine, share = record.machine, min(1.0, max(0.0, record.share))
    processor: dict[str, Any] = {"componentType": "cpu", "nbComponent": 1, "share": share}
    if machine.processor:
        processor["componentName"] = machine.processor
    found = [processor]
    if machine.memory_gb is not None:
        memory = max(1, round(machine.memory_gb))
        found.append({"componentType": "ram", "nbComponent": 1, "memorySize": memory, "share": share})
    found += [
        {"componentType": "gpu", "componentName": name, "nbComponent": machine.gpus.count(name), "share": 1}
        for name in sorted(set(machine.gpus))
    ]
    return found


def _boamps_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


# --- SCI for AI, model cards --------------------------------------------------------------------------------------

STAGES_OF_PROVIDER = ("data", "training", "finetuning", "evaluation")


def sci_for_ai(records: Iterable[Record], *, unit: str, units: float, boundary: str) -> dict[str, Any]:
    """(O + M) / R over some work: operational and embodied grams a functional unit, the two told apart.

    The boundary is `provider` (what makes a model: its stages up to evaluation) or `consumer` (what using it takes).
    """
    if boundary not in ("provider", "consumer"):
        raise ValueError(f"a boundary is provider or consumer, not {boundary!r}")
    if not units > 0:
        raise ValueError(f"there is no score without a {unit}: none was counted")
    inside = [one for one in records if (one.stage in STAGES_OF_PROVIDER) == (boundary == "provider")]
    unknown = sum(1 for one in inside if one.grams is None)
    operational = sum(one.grams or 0.0 for one in inside)
    embodied = [one.embodied_grams for one in inside if one.embodied_grams is not None]
    made = sum(embodied)
    return {
        "specification": "SCI for AI",
        "boundary": boundary,
        "functional_unit": unit,
        "R": units,
        "O_gco2e": operational,
        "M_gco2e": made if embodied else None,
        "E_kwh": sum(one.kwh for one in inside),
        "sci_gco2e_per_unit": (operational + made) / units,
        "embodied_included": bool(embodied),
        "records": len(inside),
        "records_without_emissions": unknown,
        "methods": sorted({str(one.method) for one in inside}),
    }


def model_card(records: Iterable[Record]) -> dict[str, Any]:
    """The `co2_eq_emissions` of a model card: grams, and how they were found."""
    kept = list(records)
    known = [one.grams for one in kept if one.grams is not None]
    hardware = sorted({name for one in kept for name in (one.machine.gpus or (one.machine.processor,)) if name})
    return {
        "emissions": sum(known) if known else None,
        "source": "Terrarium ledger, " + (", ".join(sorted({str(one.method) for one in kept})) or "nothing measured"),
        "training_type": "fine-tuning" if any(one.stage == "finetuning" for one in kept) else "pre-training",
        "geographical_location": ", ".join(sorted({one.place_name for one in kept if one.place_name})),
        "hardware_used": ", ".join(hardware),
    }
