"""The router every module here adds its endpoints to."""

from __future__ import annotations

from ninja import Router

router = Router(tags=["tasks"])
