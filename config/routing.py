"""Where each websocket leads."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from apps.core.live.streams import events_socket, live_socket, nowhere

websocket_urlpatterns: list[URLPattern] = [
    path("ws/events/", events_socket),  # type: ignore[arg-type]
    path("ws/live/", live_socket),  # type: ignore[arg-type]
    re_path("", nowhere),  # type: ignore[arg-type]
]
