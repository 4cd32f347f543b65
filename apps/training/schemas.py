"""Shapes of the training API, as the specification has them, and what programs get besides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from apps.training.models import Dataset

REQUIRED_COLUMNS = ["instruction", "input", "output"]


class DatasetSchemaOut(Schema):
    """DatasetSchema of the specification."""

    columns: list[str]
    sample: dict[str, Any]
    required_columns: list[str] = REQUIRED_COLUMNS


class DatasetStatisticsOut(Schema):
    """DatasetStatistics of the specification: lengths in characters. `total_tokens` needs a tokenizer."""

    avg_input_length: float = Field(ge=0)
    avg_output_length: float = Field(ge=0)
    max_length: int = Field(ge=0)
    min_length: int = Field(ge=0)
    total_tokens: int | None = None


class DatasetOut(Schema):
    """Dataset of the specification; from `state` on, what it does not have."""

    dataset_id: str
    name: str
    description: str | None = None
    size_bytes: int = Field(ge=0)
    format: str
    num_samples: int = Field(ge=0)
    path: str
    created_at: datetime
    schema_: DatasetSchemaOut | None = Field(None, alias="schema")
    statistics: DatasetStatisticsOut | None = None
    state: str
    version: int
    origin: str
    shape: str
    content_hash: str
    parent_id: str | None = None
    owner: str | None = None
    job_id: str | None = None
    error: str = ""
    fault_count: int = 0

    @classmethod
    def of(cls, row: Dataset) -> dict[str, Any]:
        """A row as programs get it."""
        return {
            "dataset_id": row.pk,
            "name": row.name,
            "description": row.description or None,
            "size_bytes": row.size_bytes,
            "format": row.format,
            "num_samples": row.num_samples,
            "path": row.path,
            "created_at": row.created_at,
            "schema": {"columns": row.columns, "sample": row.sample[0] if row.sample else {}} if row.columns else None,
            "statistics": row.statistics or None,
            "state": row.state,
            "version": row.version,
            "origin": row.origin,
            "shape": row.shape,
            "content_hash": row.content_hash,
            "parent_id": row.parent_id,
            "owner": row.owner.username if row.owner else None,
            "job_id": row.job_id,
            "error": row.error,
            "fault_count": row.fault_count,
        }
