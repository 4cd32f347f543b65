"""Rules induced from the demonstrations: what enumerating image transforms cannot reach."""

from __future__ import annotations

from apps.experiments.engine.synthesis.rules.propose import FAMILIES, propose, propose_candidates

__all__ = ["FAMILIES", "propose", "propose_candidates"]
