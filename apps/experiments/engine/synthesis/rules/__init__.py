"""Rules induced from the demonstrations: what enumerating image transforms cannot reach."""

from __future__ import annotations

from apps.experiments.engine.synthesis.rules.propose import FAMILIES, proposals, propose

__all__ = ["FAMILIES", "proposals", "propose"]
