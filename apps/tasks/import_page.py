"""An import under way or over, as its page shows it; the part that moves is shared with its live page."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.template.loader import render_to_string
from django.urls import reverse

from apps.core import live
from apps.core.errors import NotFound
from apps.core.live import Event, LivePage
from apps.core.models import User
from apps.tasks.engine.intake.shelf import LeftOut
from apps.tasks.models import ArcTask, ImportState, TaskImport
from apps.tasks.plans import Trouble, troubles
from apps.tasks.services import counts_sentence, imports

LIVE_PAGE = "task-import"
_SHOWN = 200
UNDER_WAY = (ImportState.READING, ImportState.WRITING)


def register() -> None:
    """Make the live page known."""
    live.register(LivePage(name=LIVE_PAGE, topics=_topics, render=_render))


def _topics(user: User, key: str) -> list[str]:
    return [imports.import_get(import_id=key, by=user).pk]


def _render(user: User, key: str, _events: Sequence[Event]) -> str:
    record = imports.import_get(import_id=key, by=user)
    return render_to_string(
        "tasks/_import_live.html", {"record": record, "under_way": record.state in UNDER_WAY, "oob": True}
    )


@dataclass(frozen=True)
class Place:
    """Where imported tasks can be looked at."""

    name: str
    url: str
    count: int


@dataclass(frozen=True)
class LeftBehind:
    """What an upload held and was not imported."""

    troubles: list[Trouble]
    left_out: list[LeftOut]
    notes: list[str]


def import_context(record: TaskImport) -> dict[str, Any]:
    """What the page of an import that is not waiting to be looked at shows."""
    done = record.state == ImportState.DONE
    return {
        "record": record,
        "under_way": record.state in UNDER_WAY,
        "sentence": counts_sentence(record.report) if done else "",
        "places": _places(record) if done else [],
        "left": _left_behind(record) if done and not record.sets else None,
        "may_look": record.state == ImportState.FAILED and not record.sets and _was_read(record),
    }


def _places(record: TaskImport) -> list[Place]:
    """The splits that the import's new tasks came to; its dataset where it made none."""
    rows = ArcTask.objects.filter(arrival=record.number) if record.report.get("created") else ArcTask.objects.none()
    counted = rows.order_by("dataset", "task_source").values_list("dataset", "task_source").annotate(n=Count("pk"))
    found = [Place(f"{dataset} {source}", gallery_url(f"{dataset}/{source}"), n) for dataset, source, n in counted]
    return found or [Place(record.dataset, gallery_url(record.dataset), 0)]


def gallery_url(split: str) -> str:
    """The gallery, narrowed to a split or a dataset."""
    return f"{reverse('tasks:gallery')}?{urlencode({'split': split}, safe='/')}"


def _left_behind(record: TaskImport) -> LeftBehind | None:
    try:
        with closing(imports.shelf_of(record)) as shelf:
            found = list(islice(troubles(shelf, imports.terms_of(record), own=record.number), _SHOWN))
            return LeftBehind(found, shelf.left_out, shelf.notes)
    except NotFound:
        return None


def _was_read(record: TaskImport) -> bool:
    try:
        imports.shelf_of(record).close()
    except NotFound:
        return False
    return True
