"""The router every module here adds its endpoints to. Who may write is decided by the services, for every door alike."""

from __future__ import annotations

from ninja import Router

router = Router(tags=["tasks"])
