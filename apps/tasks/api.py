"""JSON API of the tasks app."""

from __future__ import annotations

from ninja import Router

router = Router(tags=["tasks"])
