"""What the page of a dataset shows; the part that moves is shared with its socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse

from apps.core import live
from apps.core.access import is_owner
from apps.core.live import Event, LivePage
from apps.core.models import Role, User
from apps.core.words import pct
from apps.training.forms import SplitForm, TokensForm
from apps.training.models import Dataset, DatasetOrigin, DatasetState
from apps.training.queries.datasets import dataset_get, uses
from apps.training.seen import preview

LIVE_PAGE = "dataset"
UNDER_WAY = (DatasetState.LOOKING, DatasetState.READING)
PARTS = ("instruction", "input", "output", "system", "messages")


def register() -> None:
    """Make the live page known."""
    live.register(LivePage(name=LIVE_PAGE, topics=_topics, render=_render, shared=True))


def _topics(_user: User, key: str) -> list[str]:
    dataset = dataset_get(dataset_id=key)
    return [dataset.pk, *([dataset.job.topic] if dataset.job is not None else [])]


def _render(_user: User, key: str, _events: Sequence[Event]) -> str:
    return render_to_string("training/_dataset_live.html", {**live_context(dataset_get(dataset_id=key)), "oob": True})


def live_context(dataset: Dataset) -> dict[str, Any]:
    """What the moving part shows: a job under way, of the dataset itself or of its tokens."""
    job = dataset.job
    counting = job is not None and dataset.is_ready and not job.is_terminal
    return {"dataset": dataset, "under_way": dataset.state in UNDER_WAY, "counting": counting, "job": job}


def page_context(dataset: Dataset, user: User, tab: str) -> dict[str, Any]:
    """What every tab of a dataset's page shows around it."""
    mine = is_owner(user, dataset.owner_id)
    address = {name: reverse(f"training:{name}", args=[dataset.pk]) for name in ("dataset", "statistics", "lineage")}
    tabs: list[dict[str, Any]] = [
        {"key": "examples", "label": "Examples", "url": address["dataset"], "count": dataset.num_samples},
        {"key": "statistics", "label": "Statistics", "url": address["statistics"]},
        {"key": "lineage", "label": "Versions and lineage", "url": address["lineage"]},
    ]
    return {
        **live_context(dataset),
        "mine": mine,
        "may_make": user.has_role(Role.RESEARCHER),
        "may_map": mine and dataset.state in (DatasetState.MAPPING, DatasetState.FAILED) and bool(dataset.columns),
        "tabs": tabs,
        "tab": tab,
        "used_by": uses(dataset) if dataset.is_ready else [],
        "split_form": SplitForm(),
        "tokens_form": TokensForm(),
    }


def mapping_context(dataset: Dataset, said: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The choice of columns, and what the model would see."""
    chosen = {**_first_choice(dataset), **(said or {})}
    found = preview(chosen, dataset.columns, dataset.sample)
    return {
        "dataset": dataset,
        "chosen": chosen,
        "parts": [(name, chosen.get(name, "")) for name in PARTS],
        "seen": found,
    }


def _first_choice(dataset: Dataset) -> dict[str, str]:
    known = dataset.recipe.get("mapping") or dataset.recipe.get("guess") or {"shape": "instruction"}
    return {name: str(value) for name, value in known.items()}


def recipe_lines(dataset: Dataset) -> list[tuple[str, str]]:
    """How it was made, in words."""
    recipe = dataset.recipe
    if dataset.origin == DatasetOrigin.UPLOAD:
        mapping = recipe.get("mapping") or {}
        lines = [("File", dataset.file_name), *((name.capitalize(), str(column)) for name, column in mapping.items())]
    elif dataset.origin == DatasetOrigin.SPLIT:
        lines = [
            ("Part", recipe.get("part", "")),
            ("Put aside", pct(recipe.get("fraction", 0))),
            ("Seed", str(recipe.get("seed"))),
        ]
    else:
        tasks = {name: value for name, value in (recipe.get("tasks") or {}).items() if value}
        lines = [
            ("Tasks", "; ".join(f"{name} {_said(value)}" for name, value in sorted(tasks.items())) or "all"),
            *(
                (name.replace("_", " ").capitalize(), _said(value))
                for name, value in sorted(recipe.items())
                if name != "tasks"
            ),
        ]
    return [(name, value) for name, value in lines if value]


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
