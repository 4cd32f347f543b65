"""Criteria that the form has no field for, such as those set by program: a copy or an edit keeps them, each in words
with a box that leaves it out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from apps.core.words import plural
from apps.tasks.criteria import TaskCriteria

FIELDS = ("datasets", "sources", "difficulties", "families", "search", "max_side", "solved", "sample", "limit")
"""Those with a field of their own, where tasks are chosen by what they are."""


def kept(criteria: TaskCriteria) -> list[str]:
    """What a selection says beyond the fields, each as `name=value` in JSON."""
    own = ("task_ids",) if criteria.task_ids is not None else ("task_ids", *FIELDS)
    said = criteria.model_dump(mode="json", exclude_defaults=True)
    return [f"{name}={json.dumps(value)}" for name, value in said.items() if name not in own]


def read_kept(values: Iterable[str]) -> dict[str, Any]:
    """The criteria in such texts; what is none is passed over."""
    found: dict[str, Any] = {}
    for text in values:
        name, _, value = text.partition("=")
        if name in TaskCriteria.model_fields and name != "task_ids":
            try:
                found[name] = json.loads(value)
                TaskCriteria(**{name: found[name]})
            except ValueError:
                found.pop(name, None)
    return found


def kept_choices(values: Iterable[str]) -> list[tuple[str, str]]:
    """As boxes with their words."""
    return [(f"{name}={json.dumps(value)}", _words(name, value)) for name, value in read_kept(values).items()]


def with_kept(typed: Mapping[str, Any], values: Iterable[str]) -> TaskCriteria:
    """What was typed, and what was kept beside it; what was typed counts more."""
    return TaskCriteria(**{**read_kept(values), **typed})


def _words(name: str, value: Any) -> str:
    match name:
        case "min_side":
            return f"No grid whose longest side is below {value}"
        case "min_colours":
            return f"At least {plural(value, 'colour')}"
        case "max_colours":
            return f"At most {plural(value, 'colour')}"
        case "same_size":
            return "Every output as large as its input" if value else "Some output larger or smaller than its input"
        case "solved_by":
            return f"Solved by {value}"
        case "not_solved_by":
            return f"Not solved by {value}"
        case "seed":
            return f"Drawn with seed {value}"
        case "offset":
            return f"Without the first {value:,}"
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{name.replace('_', ' ').capitalize()}: {shown}"
