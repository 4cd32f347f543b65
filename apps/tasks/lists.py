"""The gallery, declared: what narrows it, its orders, and what curators do to many tasks at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString

from apps.core.lists import Bulk, Choice, Empty, ListPage, Search, Sort, options
from apps.core.lists.declared import Options, Rows
from apps.core.models import Role, User
from apps.tasks import queries
from apps.tasks.criteria import TaskCriteria, criteria_condition
from apps.tasks.models import ArcTask, Difficulty, TaskSource
from apps.tasks.registry import selection_actions, solved_among, solving_strategies
from apps.tasks.thumbnails import thumbnails

_SIDES = {"s": ("Sides up to 10", 1, 10), "m": ("Sides 11 to 20", 11, 20), "l": ("Sides 21 to 30", 21, 30)}
_COLOURS = {"few": ("Up to 3 colours", 1, 3), "some": ("4 to 6 colours", 4, 6), "many": ("7 colours and more", 7, 10)}
_SHAPES = {"same": ("Keeps its size", True), "changes": ("Changes its size", False)}
_ORDERS = {
    "id": "By id",
    "-id": "By id, from the end",
    "size": "Smallest first",
    "-size": "Largest first",
    "colours": "Fewest colours first",
    "-colours": "Most colours first",
    "pairs": "Fewest demonstrations first",
    "-pairs": "Most demonstrations first",
    "newest": "Newest first",
}


def _by(criteria: Callable[[str], Mapping[str, Any]]) -> Callable[[Rows, str], Rows]:
    """Narrowing by a selection that a value stands for."""
    return lambda rows, value: rows.filter(criteria_condition(TaskCriteria.model_validate(dict(criteria(value)))))


def _split(value: str) -> dict[str, Any]:
    dataset, _, source = value.partition("/")
    return {"datasets": [dataset], "sources": [source] if source in TaskSource.values else []}


def _splits() -> Options:
    """Every split with its size, and whole datasets where they have several."""
    splits = queries.splits()
    datasets = [split.dataset for split in splits]
    several = sorted({name for name in datasets if datasets.count(name) > 1})
    return sorted(
        [(name, f"{name}, all") for name in several]
        + [(split.name, f"{split.dataset} {split.source} ({split.count:,})") for split in splits]
    )


def _solved(value: str) -> dict[str, Any]:
    kind, _, strategy = value.partition(":")
    by = {"by": "solved_by", "not": "not_solved_by"}.get(kind)
    if by and strategy:
        return {by: strategy[:64]}
    return {"solved": kind} if kind in ("ever", "never") else {}


def _solvers() -> Options:
    asked = [("ever", "By any strategy"), ("never", "Never solved")]
    for name, title in solving_strategies():
        asked += [(f"by:{name}", f"By {title}"), (f"not:{name}", f"Not by {title}")]
    return asked


def _cards(ids: Sequence[str], _user: User) -> list[dict[str, Any]]:
    """The tasks of a page with their pictures: ids come from an index, then those rows; a row is kilobytes of grids."""
    found = queries.task_rows(ids) if ids else {}
    rows: list[ArcTask] = [found[key] for key in ids if key in found]
    pictures: Mapping[str, SafeString] = thumbnails(rows)
    solved = solved_among([task.pk for task in rows])
    return [{"task": task, "picture": pictures[task.pk], "solved": task.pk in solved} for task in rows]


def _nothing(user: User) -> Empty:
    if not user.has_role(Role.CURATOR):
        return Empty("No tasks yet", "A curator imports them; then they are shown here.", icon="tasks")
    return Empty(
        "No tasks yet",
        "Import the 1,920 public ARC tasks that come with the lab, or bring your own.",
        icon="tasks",
        action_url="/tasks/import/",
        action_label="Import tasks",
    )


_FAMILY = (
    Bulk("tasks:family-fill", "Put in", icon="plus", role=Role.CURATOR, template="tasks/_bulk_family.html"),
    Bulk("tasks:family-clear", "Out of its family", role=Role.CURATOR),
)

GALLERY = ListPage(
    name="gallery",
    title="Tasks",
    noun="task",
    url="tasks:gallery",
    rows=lambda _user: ArcTask.objects.values_list("task_id", flat=True),
    search=Search("Search by id", _by(lambda text: {"search": text[:100]})),
    filters=(
        Choice("split", "Set", _splits, _by(_split), open=True),
        Choice("difficulty", "Difficulty", options(Difficulty), "difficulty_level"),
        Choice("family", "Family", lambda: list(queries.family_choices()), "family_id", open=True),
        Choice(
            "side",
            "Size",
            [(key, words) for key, (words, _, _) in _SIDES.items()],
            _by(lambda key: {"min_side": _SIDES[key][1], "max_side": _SIDES[key][2]}),
        ),
        Choice(
            "colours",
            "Colours",
            [(key, words) for key, (words, _, _) in _COLOURS.items()],
            _by(lambda key: {"min_colours": _COLOURS[key][1], "max_colours": _COLOURS[key][2]}),
        ),
        Choice(
            "shape",
            "Output",
            [(key, words) for key, (words, _) in _SHAPES.items()],
            _by(lambda key: {"same_size": _SHAPES[key][1]}),
        ),
        Choice("solved", "Solved", _solvers, _by(_solved), open=lambda value: bool(_solved(value))),
    ),
    sorts={name: Sort(queries.SORTS[name], label=words) for name, words in _ORDERS.items()},
    first_sort="id",
    body="tasks/_cards.html",
    present=_cards,
    page_size=60,
    sizes=(60, 120, 240),
    bulk=lambda: (*selection_actions(), *_FAMILY),
    nothing=_nothing,
)
