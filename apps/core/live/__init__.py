"""Live delivery: one event log, one cursor, for pages, sockets, streams and polls. docs/live.md explains it.

Only what other apps use is offered here; the parts that speak ASGI are imported by `config.routing` alone.
"""

from apps.core.live.groups import Grouping
from apps.core.live.log import Event, EventBatch, head_cursor, read_events
from apps.core.live.pages import EVERY_TOPIC, LivePage, register
from apps.core.live.shared import SharedState
from apps.core.live.wakeup import wake

__all__ = [
    "EVERY_TOPIC",
    "Event",
    "EventBatch",
    "Grouping",
    "LivePage",
    "SharedState",
    "head_cursor",
    "read_events",
    "register",
    "wake",
]
