"""Pages of datasets: the list, one with its examples, statistics and lineage, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.core.access import member, page_role
from apps.core.artefacts import download
from apps.core.errors import Conflict, Invalid
from apps.core.models import Role, User
from apps.training.charts import length_plot
from apps.training.dataset_page import PARTS, mapping_context, page_context, recipe_lines
from apps.training.forms import SplitForm, TokensForm
from apps.training.lists import DATASETS
from apps.training.models import Dataset, DatasetState
from apps.training.queries import datasets as queries
from apps.training.seen import seen
from apps.training.services import datasets as services

_PAGE = 20


@page_role("viewer")
@require_GET
def home(_request: HttpRequest) -> HttpResponse:
    """Where the area begins."""
    return redirect("training:datasets")


@page_role("viewer")
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Every version of every dataset."""
    return DATASETS.respond(request, "training/datasets.html", may_make=member(request).has_role(Role.RESEARCHER))


@page_role("viewer")
@require_GET
def one(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """A dataset: what to decide about it, what is wrong with it, or its examples, paged and searched."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    context = page_context(dataset, member(request), "examples")
    if context["may_map"]:
        context |= mapping_context(dataset)
    if dataset.is_ready:
        context |= _examples(request, dataset)
    return render(request, "training/dataset.html", context)


def _examples(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    said = request.GET.get("start", "")
    start = int(said) if said.isascii() and said.isdigit() and 0 < len(said) < 13 else 1
    text = request.GET.get("q", "").strip()[:200]
    found = queries.examples(dataset, start=max(1, start), count=_PAGE, text=text)
    return {
        "examples": [seen(example.number, example.values) for example in found.items],
        "following": found.following,
        "start": start,
        "before": max(1, start - _PAGE) if start > 1 and not text else None,
        "text": text,
    }


@page_role("viewer")
@require_GET
def statistics(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """Lengths, tokens, duplicates."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    context = page_context(dataset, member(request), "statistics")
    plots = [length_plot("lengths", "Characters of an example", dataset.statistics.get("histogram", []), "characters")]
    if tokens := dataset.statistics.get("tokens"):
        plots.append(
            length_plot("tokens", f"Tokens of an example, by {tokens['tokenizer']}", tokens["histogram"], "tokens")
        )
    return render(request, "training/dataset_statistics.html", {**context, "plots": plots})


@page_role("viewer")
@require_GET
def lineage(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """How it was made, of what, and what was made of it."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    context = page_context(dataset, member(request), "lineage")
    context |= {
        "recipe": recipe_lines(dataset),
        "of": dataset.recipe.get("of"),
        "versions": queries.versions(dataset),
        "children": queries.children(dataset),
    }
    return render(request, "training/dataset_lineage.html", context)


@page_role("viewer")
@require_GET
def mapping(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """The choice of columns again, with what the model would see under it."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    if dataset.state not in (DatasetState.MAPPING, DatasetState.FAILED):
        raise Http404
    return render(request, "training/_mapping.html", mapping_context(dataset, _said(request.GET)))


@page_role("viewer")
@require_GET
def content(request: HttpRequest, dataset_id: str) -> HttpResponseBase:
    """All examples as a file."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    if dataset.examples is None:
        raise Http404
    return download(request, dataset.examples, name=f"{dataset.name}-v{dataset.version}.jsonl")


def _said(form: Any) -> dict[str, str]:
    return {name: form.get(name, "")[:200] for name in ("shape", *PARTS)}


def _map(request: HttpRequest, dataset: Dataset, by: User) -> str:
    services.dataset_map(dataset=dataset, mapping=_said(request.POST), by=by)
    return "The file is being read."


def _split(request: HttpRequest, dataset: Dataset, by: User) -> str:
    form = SplitForm(request.POST)
    if not form.is_valid():
        raise Invalid("The share is more than 0 and less than 1, the seed a whole number from 0 up.")
    parts = services.dataset_split(dataset=dataset, by=by, **form.cleaned_data)
    return f"{parts[0]} and {parts[1]} are being made."


def _tokens(request: HttpRequest, dataset: Dataset, by: User) -> str:
    form = TokensForm(request.POST)
    if not form.is_valid():
        raise Invalid("Name a tokenizer.")
    services.dataset_count_tokens(dataset=dataset, tokenizer=form.cleaned_data["tokenizer"], by=by)
    return "Tokens are being counted."


def _describe(request: HttpRequest, dataset: Dataset, by: User) -> str:
    services.dataset_describe(dataset=dataset, description=request.POST.get("description", ""), by=by)
    return "Saved."


def _cancel(_request: HttpRequest, dataset: Dataset, by: User) -> str:
    services.dataset_cancel(dataset=dataset, by=by)
    return "Cancelled."


_ACTIONS: dict[str, Callable[[HttpRequest, Dataset, User], str]] = {
    "map": _map,
    "split": _split,
    "tokens": _tokens,
    "describe": _describe,
    "cancel": _cancel,
}


@page_role("researcher")
@require_POST
def act(request: HttpRequest, dataset_id: str, action: str) -> HttpResponse:
    """Do it, say so, and show the dataset again; after a deletion the list."""
    dataset = queries.dataset_get(dataset_id=dataset_id)
    by = member(request)
    try:
        if action == "delete":
            services.dataset_delete(dataset=dataset, by=by)
            messages.success(request, f"{dataset} is deleted.")
            return redirect("training:datasets")
        if action not in _ACTIONS:
            raise Http404
        messages.success(request, _ACTIONS[action](request, dataset, by))
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
    return redirect("training:dataset", dataset_id=dataset_id)
