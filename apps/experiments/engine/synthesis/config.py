"""What can be chosen about a synthesis run."""

from __future__ import annotations

from pydantic import Field

from apps.experiments.engine.strategy import StrategyConfig
from apps.experiments.engine.synthesis.limits import MAX_COST


class SynthesisConfig(StrategyConfig):
    """What can be chosen about a synthesis run; every option changes what is done."""

    max_cost: int = Field(
        default=MAX_COST,
        ge=40,
        le=MAX_COST,
        description="Longest program considered, in tenths of a bit of description length.",
    )
    layers: bool = Field(default=True, description="Compose outputs of several programs laid over one another.")
    rules: bool = Field(default=True, description="Learn rules for cells and objects from the demonstrations.")
    prune: bool = Field(default=True, description="Drop states whose images equal those of an earlier state.")
    guidance: bool = Field(default=True, description="Order primitives by learned probability.")
    vote: bool = Field(default=True, description="Prefer answers on which several programs agree.")
    augment: bool = Field(default=True, description="Search again with the task transposed and colours ranked by size.")
    leave_one_out: bool = Field(
        default=False, description="While answers rival, prefer those found again without each of the demonstrations."
    )
    augment_vote: bool = Field(
        default=False, description="While answers rival, prefer those found again in turned and recoloured views."
    )
