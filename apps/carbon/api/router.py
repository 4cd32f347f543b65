"""The one router of this app."""

from __future__ import annotations

from ninja import Router

router = Router(tags=["carbon"])
