"""JSON API of the experiments app."""

from __future__ import annotations

from ninja import Router

router = Router(tags=["experiments"])
