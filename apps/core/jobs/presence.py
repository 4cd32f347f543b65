"""What is kept of workers coming: their rows say only how things are now."""

from __future__ import annotations

from collections.abc import Mapping

from apps.core.models import Severity
from apps.core.system_events import system_event_record
from apps.core.words import plural


def worker_start_record(*, name: str, host: str, process: str, slots: Mapping[str, int]) -> None:
    """Keep that a worker has started. One that had to write itself down again, by the same `process`, is counted there."""
    places = ", ".join(f"{plural(number, 'place')} for {queue}" for queue, number in sorted(slots.items()))
    system_event_record(
        event_type="worker_started",
        event_source="workers",
        severity=Severity.INFO,
        message=f"Worker {name} started on {host}: {places or 'no places'}.",
        context={"worker": name, "host": host, "slots": dict(slots)},
        dedupe_key=f"worker:{name}:{process}",
    )
