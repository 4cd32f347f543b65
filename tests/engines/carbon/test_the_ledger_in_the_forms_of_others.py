"""The ledger goes out as others read it: what is unknown is left out, units and names are theirs, overhead counts once."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft4Validator

from apps.carbon.engine.energy import Kind, Method
from apps.carbon.engine.exports import (
    CODECARBON_COLUMNS,
    Machine,
    Record,
    boamps,
    codecarbon_csv,
    model_card,
    sci_for_ai,
)

WHEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECORD = Record(
    key="job_1", title="Tune", stage="finetuning", family="text generation", started=WHEN, seconds=1800.0,
    joules={Kind.CPU: 1.8e6, Kind.GPU: 7.2e6}, grams_per_kwh=56.0, grams=168.0, place_code="USA-CA",
    place_name="California", pue=1.2, method=Method.MEASURED, uncertainty=0.06, algorithm="lora", model="tiny",
    machine=Machine(os="Linux", python="3.11.7", cores=8, processor="EPYC", gpus=("H100", "H100"), memory_gb=63.7),
    tokens=1000,
)  # fmt: skip


def rows(*records: Record) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(codecarbon_csv(records, project="lab")))))


def test_the_file_of_codecarbon_has_its_columns_and_units() -> None:
    (row,) = rows(RECORD)
    assert tuple(row) == CODECARBON_COLUMNS
    assert float(row["energy_consumed"]) == pytest.approx(9.0 / 3.6 * 1.2), "kWh, the overhead once"
    assert float(row["emissions"]) == pytest.approx(0.168), "kilograms"
    assert float(row["gpu_power"]) == pytest.approx(4000), "watts at the device"
    assert (row["country_iso_code"], row["region"], row["timestamp"]) == ("USA", "CA", "2026-03-01T12:00:00")
    assert row["ram_energy"] == row["ram_power"] == row["water_consumed"] == "", "not known is not zero"


def test_the_columns_are_those_of_the_installed_codecarbon() -> None:
    data = pytest.importorskip("codecarbon.output_methods.emissions_data")
    assert tuple(data.EmissionsData.__dataclass_fields__) == CODECARBON_COLUMNS


def test_text_does_not_become_a_formula() -> None:
    (row,) = rows(replace(RECORD, title="=HYPERLINK(1)", grams=None))
    assert row["experiment_id"] == "'=HYPERLINK(1)"
    assert row["emissions"] == row["emissions_rate"] == ""


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def of(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def many(items: Any) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


BOAMPS = of(
    ["task", "measures", "infrastructure"],
    header=of(
        ["reportDatetime"],
        licensing=TEXT, formatVersion=TEXT, reportId=TEXT, reportDatetime={"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"},
        reportStatus={"enum": ["draft", "final", "corrective", "other"]},
        publisher=of(["confidentialityLevel"], confidentialityLevel={"enum": ["public", "internal", "confidential", "secret"]}),
    ),
    task=of(
        ["taskStage", "taskFamily", "algorithms", "dataset"],
        taskStage=TEXT, taskFamily=TEXT, nbRequest=NUMBER, taskDescription=TEXT,
        measuredAccuracy={"type": "number", "minimum": 0, "maximum": 1},
        algorithms=many(of([], algorithmName=TEXT, foundationModelName=TEXT, quantization=TEXT)),
        dataset=many(of(["dataUsage", "dataType"], dataUsage={"enum": ["input", "output"]}, dataType={"enum": ["text", "token", "other"]}, dataQuantity=NUMBER)),
    ),
    measures=many(of(
        ["measurementMethod", "powerConsumption", "measurementDuration", "measurementDateTime"],
        measurementMethod=TEXT, powerConsumption=NUMBER, measurementDuration=NUMBER, measurementDateTime=TEXT,
        averageUtilizationCpu={"type": "number", "minimum": 0, "maximum": 1},
    )),
    system=of(["os"], os=TEXT),
    software=of(["language"], language=TEXT, version=TEXT),
    infrastructure=of(
        ["infraType", "components"],
        infraType={"enum": ["publicCloud", "privateCloud", "onPremise", "other"]},
        components=many(of(
            ["componentType", "nbComponent"],
            componentName=TEXT, componentType=TEXT, nbComponent={"type": "integer"}, memorySize={"type": "integer"},
            share={"type": "number", "minimum": 0, "maximum": 1},
        )),
    ),
    environment=of(["country"], country=TEXT, powerSourceCarbonIntensity=NUMBER),
    quality={"enum": ["high", "medium", "low"]},
)  # fmt: skip
"""The rules of the published schema for what we write: names, types, what is required."""


def report(record: Record) -> dict[str, Any]:
    return boamps(record, product="Terrarium", product_version="1", made=WHEN, report_id="r1")


@pytest.mark.parametrize(
    "record",
    [RECORD, replace(RECORD, machine=Machine(), tokens=None, grams_per_kwh=None, requests=5, accuracy=0.5, share=1.7)],
)
def test_a_report_keeps_the_rules_of_boamps(record: Record) -> None:
    Draft4Validator(BOAMPS).validate(report(record))


def test_the_rules_can_be_broken() -> None:
    wrong = report(RECORD)
    wrong["task"]["datasets"] = wrong["task"].pop("dataset")
    assert [error.message for error in Draft4Validator(BOAMPS).iter_errors(wrong)] == [
        "'dataset' is a required property"
    ]


@pytest.mark.parametrize(("uncertainty", "quality"), [(0.1, "high"), (0.25, "medium"), (0.3, "low")])
def test_quality_is_what_the_uncertainty_says(uncertainty: float, quality: str) -> None:
    assert report(replace(RECORD, uncertainty=uncertainty))["quality"] == quality


def test_accelerators_are_counted_by_name() -> None:
    components = report(RECORD)["infrastructure"]["components"]
    assert [(one["componentType"], one["nbComponent"]) for one in components] == [("cpu", 1), ("ram", 1), ("gpu", 2)]


def test_a_score_is_operational_and_embodied_grams_a_unit() -> None:
    asked = replace(RECORD, stage="inference", grams=30.0, embodied_grams=10.0)
    score = sci_for_ai([RECORD, asked], unit="token", units=20, boundary="consumer")
    assert (score["O_gco2e"], score["M_gco2e"], score["sci_gco2e_per_unit"], score["records"]) == (30.0, 10.0, 2.0, 1)
    made = sci_for_ai([RECORD, asked], unit="model", units=1, boundary="provider")
    assert (made["sci_gco2e_per_unit"], made["M_gco2e"], made["embodied_included"]) == (168.0, None, False)


@pytest.mark.parametrize(("units", "boundary"), [(0, "consumer"), (1, "everything")])
def test_a_score_of_nothing_is_refused(units: float, boundary: str) -> None:
    with pytest.raises(ValueError):
        sci_for_ai([RECORD], unit="token", units=units, boundary=boundary)


def test_a_model_card_has_grams_and_how_they_were_found() -> None:
    card = model_card([RECORD, replace(RECORD, grams=None)])
    assert (card["emissions"], card["training_type"], card["hardware_used"]) == (168.0, "fine-tuning", "H100")
    assert model_card([])["emissions"] is None
