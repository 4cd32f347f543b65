"""JSON API of the experiments app: experiments, their runs and answers, strategies and how they did."""

from __future__ import annotations

# In this order: `/strategies` and `/submissions` would otherwise be taken for the id of an experiment.
from apps.experiments.api.router import router

from apps.experiments.api import strategies, submissions, experiments  # isort: skip

__all__ = ["experiments", "router", "strategies", "submissions"]
