"""The one router of this app. Endpoints with a fixed word come before those with an id in its place."""

from __future__ import annotations

from ninja import Router

router = Router(tags=["experiments"])
