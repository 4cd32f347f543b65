"""The gallery's address: what each part of the query string means, and the choices its filters offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from apps.core.errors import Invalid
from apps.core.pagination import MAX_PAGE
from apps.tasks.criteria import TaskCriteria, criteria_from
from apps.tasks.models import Difficulty, TaskSource
from apps.tasks.queries import SORTS, Split

PAGE_SIZE = 60

SIDES = {"s": ("Sides up to 10", 1, 10), "m": ("Sides 11 to 20", 11, 20), "l": ("Sides 21 to 30", 21, 30)}
COLOURS = {"few": ("Up to 3 colours", 1, 3), "some": ("4 to 6 colours", 4, 6), "many": ("7 colours and more", 7, 10)}
SHAPES = {"same": ("Keeps its size", True), "changes": ("Changes its size", False)}
SORT_WORDS = {
    "id": "By id",
    "size": "Smallest first",
    "-size": "Largest first",
    "colours": "Fewest colours first",
    "-colours": "Most colours first",
    "pairs": "Fewest demonstrations first",
    "-pairs": "Most demonstrations first",
    "newest": "Newest first",
}


@dataclass(frozen=True)
class GalleryState:
    """One reading of the address. What it does not understand it leaves out, so that old links still lead here."""

    values: dict[str, str]
    criteria: TaskCriteria
    sort: str
    page: int

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list."""
        return any(value for name, value in self.values.items() if name != "sort")


def read_state(query: QueryDict) -> GalleryState:
    """The filters, order and page an address asks for."""
    names = ("q", "split", "difficulty", "family", "side", "colours", "shape", "solved")
    values = {name: query.get(name, "").replace("\x00", "").strip()[:100] for name in names}
    sort = query.get("sort", "id")
    return GalleryState(values, _criteria(values), sort if sort in SORTS else "id", page_number(query))


def page_number(query: QueryDict) -> int:
    """The page an address asks for; the first where it says nothing usable."""
    page = query.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 1
    return min(MAX_PAGE, max(1, number))


def _criteria(values: dict[str, str]) -> TaskCriteria:
    chosen: dict[str, Any] = {"search": values["q"]}
    dataset, _, source = values["split"].partition("/")
    if dataset:
        chosen["datasets"] = [dataset]
    if source in TaskSource.values:
        chosen["sources"] = [source]
    if values["difficulty"] in Difficulty.values:
        chosen["difficulties"] = [values["difficulty"]]
    if values["family"]:
        chosen["families"] = [values["family"]]
    if values["side"] in SIDES:
        _, chosen["min_side"], chosen["max_side"] = SIDES[values["side"]]
    if values["colours"] in COLOURS:
        _, chosen["min_colours"], chosen["max_colours"] = COLOURS[values["colours"]]
    if values["shape"] in SHAPES:
        chosen["same_size"] = SHAPES[values["shape"]][1]
    kind, _, strategy = values["solved"].partition(":")
    if values["solved"] in ("ever", "never"):
        chosen["solved"] = values["solved"]
    elif strategy and kind in ("by", "not"):
        chosen["solved_by" if kind == "by" else "not_solved_by"] = strategy[:64]
    try:
        return criteria_from(chosen)
    except Invalid:
        return TaskCriteria()


def filters(
    state: GalleryState, *, splits: list[Split], families: list[tuple[str, str]], strategies: list[str]
) -> list[dict[str, Any]]:
    """The filter bar's choices, in order; one that offers nothing is left out."""
    datasets = sorted({split.dataset for split in splits})
    several = [name for name in datasets if sum(split.dataset == name for split in splits) > 1]
    split_options = [(name, f"{name}, all") for name in several]
    split_options += [(split.name, f"{split.dataset} {split.source} ({split.count:,})") for split in splits]
    solved = [("ever", "By any strategy"), ("never", "Never solved")]
    for name in strategies:
        solved += [(f"by:{name}", f"By {name}"), (f"not:{name}", f"Not by {name}")]
    choices = [
        ("split", "Set", sorted(split_options)),
        ("difficulty", "Difficulty", list(Difficulty.choices)),
        ("family", "Family", families),
        ("side", "Size", [(key, words) for key, (words, _, _) in SIDES.items()]),
        ("colours", "Colours", [(key, words) for key, (words, _, _) in COLOURS.items()]),
        ("shape", "Output", [(key, words) for key, (words, _) in SHAPES.items()]),
        ("solved", "Solved", solved),
    ]
    return [
        {"name": name, "label": label, "value": state.values[name], "options": options}
        for name, label, options in choices
        if options
    ]
