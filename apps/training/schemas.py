"""Shapes of the training API, as the specification has them, and what programs get besides."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from apps.core.api.schemas import Strict
from apps.training.models import Dataset, DatasetFormat, DatasetOrigin, DatasetState, DatasetUpload

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
    avg_turns: float | None = None
    duplicates: int | None = None
    twins: list[list[int]] = []
    histogram: list[dict[str, int]] = []
    tokens: dict[str, Any] | None = None


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


Name = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=10_000)]


class DatasetsQuery(Schema):
    """What narrows the list."""

    name: str = Field("", max_length=200, description="Exactly this name: all its versions.")
    q: str = Field("", max_length=200, description="Words of name or description, or an id.")
    state: DatasetState | None = None
    format: DatasetFormat | None = None
    origin: DatasetOrigin | None = None


class MappingIn(Strict):
    """Which column is what: `messages` of a chat; `instruction` and `output`, `input` and `system` where there are any."""

    shape: Literal["instruction", "chat"]
    instruction: str = Field("", max_length=200)
    input: str = Field("", max_length=200)
    output: str = Field("", max_length=200)
    system: str = Field("", max_length=200)
    messages: str = Field("", max_length=200)


class DatasetIn(Schema):
    """What is said beside a file. Without `shape` the names of the columns say what they are."""

    name: Name
    description: Description = ""
    format: DatasetFormat | None = Field(None, description="Found by looking, unless it is said.")
    look_first: bool = Field(False, description="Wait to be told what the columns mean, even where their names say it.")
    shape: Literal["instruction", "chat"] | None = None
    instruction: str = Field("", max_length=200)
    input: str = Field("", max_length=200)
    output: str = Field("", max_length=200)
    system: str = Field("", max_length=200)
    messages: str = Field("", max_length=200)

    def columns(self) -> dict[str, Any]:
        """As the service takes it."""
        parts = ("shape", "instruction", "input", "output", "system", "messages")
        said = {part: value for part in parts if (value := getattr(self, part))}
        return {
            "name": self.name,
            "description": self.description,
            "format": self.format or "",
            "look_first": self.look_first,
            "mapping": said if self.shape else None,
        }


class UploadIn(Strict):
    """A file that is about to be sent in pieces."""

    file_name: str = Field(min_length=1, max_length=255)
    size: int = Field(ge=1, lt=2**50)


class PieceQuery(Schema):
    """Where the piece begins."""

    offset: int = Field(0, ge=0, lt=2**50)


class UploadOut(Schema):
    """A file on its way in."""

    upload_id: str
    file_name: str
    size: int
    received: int

    @classmethod
    def of(cls, row: DatasetUpload) -> dict[str, Any]:
        """A row as programs get it."""
        return {"upload_id": row.pk, "file_name": row.file_name, "size": row.size, "received": row.received}


class FromUploadIn(DatasetIn, Strict):
    """A dataset of a large upload."""

    upload_id: str = Field(min_length=1, max_length=40)


class FromTasksIn(Strict):
    """A dataset of ARC tasks. `recipe`: tasks (a selection), writing, orientations, recolourings, orders, keep_black,
    shown, seed, max_characters, max_examples."""

    name: Name
    description: Description = ""
    recipe: dict[str, Any] = {}


class FromAnswersIn(Strict):
    """A dataset of right programs. `recipe`: experiments, strategies, tasks (a selection), every, writing,
    max_characters, max_examples."""

    name: Name
    description: Description = ""
    recipe: dict[str, Any] = {}


class DescribeIn(Strict):
    """What is said of a dataset."""

    description: Description


class SplitIn(Strict):
    """How much to put aside, and by which seed."""

    fraction: float = Field(0.1, gt=0, lt=1)
    seed: int = Field(0, ge=0, lt=2**63)


class TokensIn(Strict):
    """With which tokenizer: `terrarium` (the house's own), a folder, or the id of a model."""

    tokenizer: str = Field("terrarium", min_length=1, max_length=200)


class ExamplesQuery(Schema):
    """Which examples."""

    start: int = Field(1, ge=1, lt=2**40, description="Counted from 1.")
    count: int = Field(20, ge=1, le=200)
    q: str = Field("", max_length=200)


class ExamplesOut(Schema):
    """Some examples, as they are trained on, each with its number."""

    items: list[dict[str, Any]]
    total: int
    following: int | None


class FaultsOut(Schema):
    """What is wrong with a file."""

    items: list[dict[str, Any]]
    total: int
    error: str
