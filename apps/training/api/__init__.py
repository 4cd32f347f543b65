"""JSON API of the training app."""

from __future__ import annotations

from apps.training.api.router import router

from apps.training.api import datasets, runs  # isort: skip

__all__ = ["datasets", "router", "runs"]
