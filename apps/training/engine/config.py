"""How a model is trained: every field with its bounds, as programs send it and as it is stored with a run.

Knows nothing of torch, so pages and endpoints may import it.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Method = Literal["lora", "qlora", "full", "scratch"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

VERSION = 1
"""Of the stored form."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


class LoRAConfig(_Part):
    """LoRA configuration"""

    r: int = Field(16, ge=1, le=256, description="LoRA rank")
    lora_alpha: int = Field(16, ge=1, le=256, description="How strongly the adapter acts: alpha / r, or alpha / √r")
    lora_dropout: float = Field(0.0, ge=0.0, le=0.5, description="Share of the adapter's inputs left out in a step")
    target_modules: list[str] = Field(
        default=["q_proj", "k_proj", "v_proj", "o_proj"],
        min_length=1,
        max_length=200,
        description="Modules to apply LoRA",
    )
    use_rslora: bool = Field(False, description="Use rank-stabilized LoRA")

    @field_validator("target_modules")
    @classmethod
    def _named(cls, value: list[str]) -> list[str]:
        if any(not name.strip() or len(name) > 200 for name in value):
            raise ValueError("each target module is a name such as q_proj")
        return list(dict.fromkeys(value))


class QuantizationConfig(_Part):
    """Quantization configuration"""

    load_in_4bit: bool = Field(True, description="Hold the base model's weights in 4 bits")
    load_in_8bit: bool = Field(False, description="Hold them in 8 bits")
    bnb_4bit_compute_dtype: str = Field(
        "bfloat16", pattern="^(float16|bfloat16|float32)$", description="What 4-bit weights are computed in"
    )
    bnb_4bit_quant_type: str = Field("nf4", pattern="^(nf4|fp4)$", description="How 4-bit weights are written")

    @property
    def any(self) -> bool:
        """Whether weights are quantised at all."""
        return self.load_in_4bit or self.load_in_8bit


class TrainingHyperparameters(_Part):
    """Training hyperparameters"""

    learning_rate: float = Field(2e-4, gt=0, le=1e-2)
    num_epochs: int = Field(3, ge=1, le=100)
    batch_size: int = Field(2, ge=1, le=128)
    gradient_accumulation_steps: int = Field(4, ge=1, le=256, description="Batches whose gradients make one step")
    max_seq_length: int = Field(2048, ge=128, le=32768, description="Longer examples are cut here, in tokens")
    warmup_steps: int = Field(10, ge=0, description="Steps in which the learning rate rises from nothing")
    weight_decay: float = Field(0.01, ge=0, le=1)
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients longer than this are shortened to it")
    optimizer: str = Field("adamw_8bit", pattern="^(adamw|adamw_8bit|sgd)$")
    lr_scheduler_type: str = Field("linear", pattern="^(linear|cosine|constant)$")
    logging_steps: int = Field(10, ge=1, description="A point of the curves every so many steps")
    eval_steps: int | None = Field(None, ge=1, description="Evaluate every so many steps; once an epoch if not given")
    save_steps: int | None = Field(None, ge=1, description="A checkpoint every so many steps")
    save_total_limit: int | None = Field(3, ge=1, description="Checkpoints kept, beside the best one")


class TrainingOptions(_Part):
    """What can be chosen beyond the fields of the published protocol."""

    seed: int = Field(0, ge=0, lt=2**32)
    packing: bool = Field(False, description="Put several examples into one row, each blind to the others")
    group_by_length: bool = Field(False, description="Batch examples of like length: less padding")
    precision: Precision = Field("auto", description="auto: bf16 on a GPU that has it, fp32 elsewhere")
    gradient_checkpointing: bool = Field(False, description="Less memory, a third more time")
    early_stopping_patience: int | None = Field(
        None, ge=1, le=1000, description="Stop after so many evaluations without a better one"
    )
    early_stopping_threshold: float = Field(0.0, ge=0, description="What counts as better, in evaluation loss")
    keep_best: bool = Field(True, description="The model is the checkpoint with the lowest evaluation loss")
    samples: int = Field(2, ge=0, le=16, description="Examples the model answers at each evaluation")
    sample_tokens: int = Field(64, ge=1, le=1024, description="How long those answers may be")


class Recipe(_Part):
    """All that decides what comes out of a training run, beside its base model and its data."""

    version: int = VERSION
    method: Method
    hyperparameters: TrainingHyperparameters = TrainingHyperparameters()
    lora_config: LoRAConfig = LoRAConfig()
    quantization: QuantizationConfig = QuantizationConfig()
    options: TrainingOptions = TrainingOptions()

    @model_validator(mode="before")
    @classmethod
    def _default_method(cls, value: Any) -> Any:
        """The method decides whether weights are quantised, and the other way round; only a contradiction is refused."""
        if not isinstance(value, dict):
            return value
        quantization = value.get("quantization")
        said = quantization.model_dump() if isinstance(quantization, QuantizationConfig) else dict(quantization or {})
        method = value.get("method")
        if method is None:
            wanted = said.get("load_in_4bit", True) or said.get("load_in_8bit", False)
            return {**value, "method": "qlora" if wanted else "lora"}
        if method != "qlora" and "load_in_4bit" not in said:
            return {**value, "quantization": {**said, "load_in_4bit": False}}
        if method == "qlora" and said.get("load_in_8bit") and "load_in_4bit" not in said:
            return {**value, "quantization": {**said, "load_in_4bit": False}}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        quantised = self.quantization
        if quantised.load_in_4bit and quantised.load_in_8bit:
            raise ValueError("quantization: choose load_in_4bit or load_in_8bit, not both")
        if self.method == "qlora" and not quantised.any:
            raise ValueError("quantization: the method qlora needs load_in_4bit or load_in_8bit; else choose lora")
        if self.method == "lora" and quantised.any:
            raise ValueError(
                "quantization: the method lora keeps the weights as they are; choose qlora, or set both to false"
            )
        if self.method in {"full", "scratch"} and quantised.any:
            raise ValueError(
                f"quantization: the method {self.method} trains every weight, which quantised ones cannot be; "
                "choose qlora, or set load_in_4bit and load_in_8bit to false"
            )
        return self

    @property
    def has_adapter(self) -> bool:
        """Whether an adapter is trained, not the model itself."""
        return self.method in {"lora", "qlora"}

    @property
    def rows_a_step(self) -> int:
        """How many examples a step sees."""
        return self.hyperparameters.batch_size * self.hyperparameters.gradient_accumulation_steps


PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "try": (
        "A first try: an adapter, one epoch, small batches",
        {
            "method": "lora",
            "hyperparameters": {
                "num_epochs": 1, "batch_size": 2, "gradient_accumulation_steps": 2, "max_seq_length": 512,
                "optimizer": "adamw", "logging_steps": 1,
            },
        },
    ),
    "careful": (
        "An adapter with dropout and early stopping on the evaluation set",
        {
            "method": "lora",
            "hyperparameters": {"num_epochs": 10, "lr_scheduler_type": "cosine", "optimizer": "adamw"},
            "lora_config": {"r": 32, "lora_alpha": 64, "lora_dropout": 0.05},
            "options": {"early_stopping_patience": 3},
        },
    ),
    "small_memory": (
        "The base model in 4 bits, an adapter above it, one example at a time",
        {
            "method": "qlora",
            "hyperparameters": {"batch_size": 1, "gradient_accumulation_steps": 8},
            "options": {"gradient_checkpointing": True},
        },
    ),
    "from_nothing": (
        "A small model made from nothing: every weight, rows packed full",
        {
            "method": "scratch",
            "hyperparameters": {
                "learning_rate": 1e-3, "batch_size": 8, "gradient_accumulation_steps": 1, "max_seq_length": 512,
                "lr_scheduler_type": "cosine", "warmup_steps": 100, "optimizer": "adamw",
            },
            "options": {"packing": True},
        },
    ),
}  # fmt: skip
"""Ready-made recipes: title and what they set."""
