"""What stands in a task's file besides its grids: kept as the task's metadata, within bounds that a database keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_METADATA = 65_536
"""Characters of JSON a task's metadata may take."""

ID_KEYS = ("raw_id", "id", "task_id", "name")
"""Where a task says its own id, the surest first."""

_DEEPEST = 20


def metadata_problem(metadata: Any) -> str:
    """Why metadata cannot be kept; nothing when it can."""
    waiting: list[tuple[Any, int]] = [(metadata, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            return f"nested deeper than {_DEEPEST} levels; flatten it"
        if isinstance(value, dict):
            waiting.extend((child, depth + 1) for child in value.values())
            waiting.extend((key, depth) for key in value)
        elif isinstance(value, list):
            waiting.extend((child, depth + 1) for child in value)
        elif isinstance(value, str) and ("\x00" in value or any("\ud800" <= one <= "\udfff" for one in value)):
            return "text with NUL or half of a surrogate pair; take it out"
        elif isinstance(value, float) and value - value != 0:
            return "a number too large to be kept; write a smaller one"
    if len(json.dumps(metadata)) > MAX_METADATA:
        return f"more than {MAX_METADATA:,} characters; keep large things elsewhere"
    return ""


def read_metadata(raw_id: str, extras: Mapping[str, Any], sides: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The metadata of a task, and what could not be kept and why.

    `extras` are the keys beside `train` and `test` (an object under `metadata` counts as such keys; one that only
    repeats the id says nothing new), `sides` these two: what stands in a pair beside `input` and `output` is kept under `pairs`.
    """
    found = {
        key: value
        for key, value in extras.items()
        if not (key == "metadata" and isinstance(value, dict)) and not (key in ID_KEYS and str(value) == raw_id)
    }
    inner = extras.get("metadata")
    found = (inner if isinstance(inner, dict) else {}) | found
    if pairs := _beside_grids(sides):
        found.setdefault("pairs", pairs)
    kept: dict[str, Any] = {}
    remarks: list[str] = []
    for key, value in found.items():
        try:
            problem = metadata_problem({**kept, key: value})
        except TypeError:  # longer than anything that is looked into, and never parsed
            problem = f"more than {MAX_METADATA:,} characters; keep large things elsewhere"
        if problem:
            remarks.append(f"the key {key[:60]!r} is left out: {problem}")
        else:
            kept[key] = value
    return kept, remarks


def _beside_grids(sides: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for side, pairs in sides.items():
        for number, pair in enumerate(pairs, start=1):
            if more := {key: value for key, value in pair.items() if key not in ("input", "output")}:
                found[f"{side} {number}"] = more
    return found
