"""The answers of a run as other people's tools take them: choose whose, see what is missing, download."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import page_role
from apps.core.errors import Conflict, Invalid, NotFound
from apps.experiments import queries, services
from apps.experiments.queries.answers import Row, Wish, answer_plan, filled, rows_of_run
from apps.experiments.strategies import title_of
from apps.tasks.queries import splits

FORMATS = {
    "submission": ("Kaggle", "submission.json: two attempts at every test input of every task"),
    "harness": ("Benchmarking harness", "a zip with a file a task, for the official scorer"),
    "csv2020": ("CSV of 2020", "a line a test input, up to two guesses"),
}


@page_role("viewer")
@require_GET
def export(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """The page. What it shows of a choice is what the download holds."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    text = request.GET.get("run", "")
    run = queries.run_of(experiment, int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None)
    if run is None:
        raise Conflict("This experiment has not been started.")
    rows = rows_of_run(run)
    chosen = _chosen(request.GET, rows)
    context: dict[str, Any] = {
        "experiment": experiment,
        "run": run,
        "rows": [(_key(row), f"{title_of(row.strategy)}, seed {row.seed}") for row in rows],
        "formats": [(key, *words) for key, words in FORMATS.items()],
        "splits": [split.name for split in splits()],
        "chosen": chosen,
    }
    try:
        plan = answer_plan(run, _wish(chosen))
    except (Invalid, NotFound) as error:
        context["problem"] = error.message
        return render(request, "experiments/export.html", context, status=422 if request.GET else 200)
    context |= {"plan": plan, "missing": filled(plan), "download": _address(experiment.pk, run.number, chosen)}
    return render(request, "experiments/export.html", context)


def _key(row: Row) -> str:
    return f"{row.seed}:{row.strategy}"


def _chosen(query: QueryDict, rows: list[Row]) -> dict[str, str]:
    format = query.get("format", "")
    first = query.get("row", "") or (_key(rows[0]) if rows else "")
    return {
        "format": format if format in FORMATS else "submission",
        "row": first,
        "second": query.get("second", ""),
        "split": query.get("split", "")[:60],
    }


def _asked(chosen: dict[str, str]) -> dict[str, str]:
    """What was chosen, as the API spells it."""
    found: dict[str, str] = {}
    for prefix, key in (("", "row"), ("second_", "second")):
        seed, _, strategy = chosen[key].partition(":")
        if strategy and seed.isascii() and seed.isdigit() and len(seed) < 19:
            found |= {f"{prefix}strategy": strategy, f"{prefix}seed": seed}
    return found | ({"split": chosen["split"]} if chosen["split"] else {})


def _wish(chosen: dict[str, str]) -> Wish:
    asked = _asked(chosen)
    return Wish(
        strategy=asked.get("strategy", ""),
        seed=int(asked["seed"]) if "seed" in asked else None,
        second_strategy=asked.get("second_strategy", ""),
        second_seed=int(asked["second_seed"]) if "second_seed" in asked else None,
        split=asked.get("split", ""),
    )


def _address(experiment_id: str, number: int, chosen: dict[str, str]) -> str:
    query = {"format": chosen["format"], "run": number, **_asked(chosen)}
    return f"/api/v1/experiments/{experiment_id}/export?{urlencode(query)}"
