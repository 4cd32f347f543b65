"""Thumbnails of tasks, drawn once a content and kept in the process: a few kilobytes each, the latest used stay."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from django.db.models import JSONField
from django.db.models.fields.json import KeyTransform
from django.utils.safestring import SafeString, mark_safe

from apps.tasks.models import ArcTask
from apps.tasks.svg import pair_svg

SIZE = 90
"""The longer side of either grid of a thumbnail, in pixels."""

_KEPT = 4096
_drawn: OrderedDict[tuple[str, str], SafeString] = OrderedDict()
_lock = Lock()


def _key(task: ArcTask) -> tuple[str, str]:
    # The content hash ignores the order of pairs, and a thumbnail shows the first one: so the id counts too.
    return task.task_id, task.content_hash


def thumbnails(tasks: Sequence[ArcTask]) -> dict[str, SafeString]:
    """The first demonstration pair of each task as inline SVG, by task id; at most one statement."""
    with _lock:
        found = {task.pk: _drawn[_key(task)] for task in tasks if _key(task) in _drawn}
        for task in tasks:
            if task.pk in found:
                _drawn.move_to_end(_key(task))
    missing = {task.pk: task for task in tasks if task.pk not in found}
    if missing:
        first = ArcTask.objects.filter(pk__in=missing).annotate(
            first=KeyTransform("0", "train_examples", output_field=JSONField())
        )
        fresh = {pk: _draw(pk, pair) for pk, pair in first.values_list("pk", "first")}
        with _lock:
            for pk, svg in fresh.items():
                _drawn[_key(missing[pk])] = svg
            while len(_drawn) > _KEPT:
                _drawn.popitem(last=False)
        found |= fresh
    return found


def _draw(task_id: str, pair: dict[str, list[list[int]]]) -> SafeString:
    label = f"First demonstration of {task_id}: {_size(pair['input'])} to {_size(pair['output'])}"
    return mark_safe(pair_svg(pair["input"], pair["output"], size=SIZE, label=label))  # noqa: S308 - numbers, escaped label


def _size(cells: list[list[int]]) -> str:
    return f"{len(cells)} by {len(cells[0])}"
