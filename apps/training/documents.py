"""What is asked for when a run is made, in the specification's shape (TrainingJobCreate) and what may be said besides."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from apps.training.engine.config import (
    LoRAConfig,
    Method,
    QuantizationConfig,
    TrainingHyperparameters,
    TrainingOptions,
)

_PLAIN = re.compile(r"[\w][\w .-]*", re.ASCII)


class TrainingJobCreate(BaseModel):
    """Create training job request"""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(..., min_length=1, max_length=200)
    base_model: str = Field(..., min_length=1, max_length=300, description="HuggingFace model ID or local path")
    dataset_id: str = Field(..., max_length=40, description="Dataset identifier")
    hyperparameters: TrainingHyperparameters = TrainingHyperparameters()
    lora_config: LoRAConfig = LoRAConfig()
    quantization: QuantizationConfig = QuantizationConfig()
    output_dir: str = Field(..., min_length=1, max_length=200, description="The name the model is registered under")
    eval_dataset_id: str | None = Field(None, max_length=40)
    resume_from_checkpoint: str | None = Field(
        None, max_length=120, description="A checkpoint of another run, as job-…/step: this run goes on from it"
    )
    method: Method | None = Field(None, description="lora, qlora, full or scratch; else what the quantization implies")
    options: TrainingOptions = TrainingOptions()

    @field_validator("name", "output_dir")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("say something that can be read")
        return value.strip()

    @field_validator("output_dir")
    @classmethod
    def _plain(cls, value: str) -> str:
        if _PLAIN.fullmatch(value) is None:
            raise ValueError("use letters, digits, spaces, dots, dashes and underscores, such as my-model")
        return value

    def recipe(self) -> dict[str, Any]:
        """What was said of how to train, and only that: what was left out follows from the rest."""
        parts: dict[str, Any] = {
            name: getattr(self, name).model_dump(exclude_unset=True)
            for name in ("hyperparameters", "lora_config", "quantization", "options")
        }
        return {**parts, **({"method": self.method} if self.method else {})}
