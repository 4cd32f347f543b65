"""What the pattern page fills components with: made-up, and said to be so on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from functools import cache, cached_property
from typing import Any

from django import forms
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from apps.core import icons
from apps.core.charts import Chart, Series, add_line, make_chart, new_figure
from apps.core.lists import Bulk, Choice, Column, Empty, Given, Listing, ListPage, Search, Sort, Switch
from apps.core.log_lines import LogLine
from apps.core.models import SystemEvent, User
from apps.core.plots import Dot, Plot, scatter

GRID_IN = [[0, 0, 0, 0, 0], [0, 3, 3, 0, 0], [0, 3, 0, 0, 8], [0, 0, 0, 8, 8], [0, 0, 0, 0, 0]]
GRID_OUT = [[0, 0, 0, 0, 0], [0, 3, 3, 0, 0], [0, 3, 1, 0, 8], [0, 0, 1, 8, 8], [0, 0, 0, 0, 0]]
GRID_GUESS = [[0, 0, 0, 0, 0], [0, 3, 3, 0, 0], [0, 3, 1, 0, 8], [0, 0, 0, 8, 8], [0, 0, 2, 0, 0]]

_STATES = ("exact", "exact", "partial", "wrong", "exact", "error", "wrong", "running", "waiting", "waiting")


class SampleForm(forms.Form):
    """A field of each sort, one of them wrong."""

    name = forms.CharField(help_text="What others will look for.", initial="First light")
    seconds = forms.IntegerField(label="Seconds a task", min_value=1, help_text="Counted in search steps.")
    strategy = forms.ChoiceField(choices=[("synthesis", "Program synthesis"), ("ensemble", "Ensemble")])
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    notify = forms.BooleanField(label="Tell me when it ends", required=False)


def sample_form() -> SampleForm:
    """The form after a mistake."""
    form = SampleForm({"name": "First light", "seconds": "0", "strategy": "synthesis"})
    form.is_valid()
    return form


@cache
def sample_chart() -> Chart:
    """Two curves with bands, drawn once: that takes longer than all else on the page."""
    steps = [0.1 * 1.35**i for i in range(18)]

    def curve(top: float, pace: float) -> list[float]:
        return [top * (1 - math.exp(-x / pace)) for x in steps]

    series = [
        Series(name, {"x": steps, "y": y, "low": [0.85 * v for v in y], "high": [1.12 * v for v in y]})
        for name, y in (("ensemble", curve(31, 4)), ("program_synthesis", curve(24, 1.5)))
    ]
    plot = new_figure(
        x_label="core-seconds a task, log scale", y_label="solved, %", x_log=True, y_range=(0, 40), height=260
    )
    for index, one in enumerate(series):
        add_line(plot, index, one)
    return make_chart(
        plot,
        id="sample-chart",
        title="Solved within a budget",
        reading="Synthesis has found nearly all it finds after four core-seconds; the ensemble goes on.",
        head=["Core-seconds", "Ensemble, %", "Synthesis, %"],
        rows=[[x, a, b] for x, a, b in zip(steps, series[0].columns["y"], series[1].columns["y"], strict=True)],
        series=[one.name for one in series],
        lines=True,
    )


SAMPLE_LIST = ListPage(
    name="sample-list",
    title="Sample results",
    noun="result",
    url="lab:patterns",
    rows=lambda _user: SystemEvent.objects.none(),
    search=Search("Strategy or task", lambda rows, _text: rows),
    filters=(
        Choice("state", "State", (("completed", "Completed"), ("failed", "Failed")), lambda rows, _value: rows),
        Switch("mine", "Mine", lambda rows, _user: rows),
        Given("of", lambda value: f"Of {value}", lambda rows, _value: rows),
    ),
    sorts={"-solved": Sort(("-pk",)), "solved": Sort(("pk",))},
    first_sort="-solved",
    columns=(
        Column("Strategy"),
        Column("State"),
        Column("Solved", sort="solved", first="desc", num=True),
        Column("Effort", num=True, wide=True),
    ),
    row="lab/_sample_row.html",
    bulk=(Bulk("lab:patterns", "Compare", icon="chart"),),
    page_size=25,
    nothing=Empty("Nothing here", ""),
    keep=("tab",),
)


class _MadeUp(Listing):
    """Rows that are in no table."""

    total = 563

    @cached_property
    def items(self) -> Sequence[Any]:
        """The page shown, whichever was asked for."""
        rows = (
            ("Program synthesis", "completed", 0.225, 0.16, 0.30, 3.2),
            ("Ensemble", "running", 0.31, 0.24, 0.39, 7.5),
            ("Test-time training", "failed", 0.572, 0.49, 0.98, 18.0),
        )
        names = ("strategy", "status", "macro", "low", "high", "seconds")
        return [{"pk": number, **dict(zip(names, row, strict=True))} for number, row in enumerate(rows)]


def sample_plot() -> Plot:
    """Two strategies, one dearer and better."""
    dots = [
        [Dot(0.0004, 0.225, 0.16, 0.30, "Program synthesis, 22.5 %")],
        [Dot(0.006, 0.31, 0.24, 0.39, "Ensemble, 31 %")],
    ]
    return Plot(
        id="sample-plot",
        title="Score against cost",
        reading="The ensemble solves more for fifteen times the money; the intervals touch.",
        svg=scatter(dots, x_label="dollars an answer, log scale", y_label="solved, %"),
        head=["Strategy", "Dollars", "Solved"],
        rows=[["Program synthesis", 0.0004, 0.225], ["Ensemble", 0.006, 0.31]],
        series=["Program synthesis", "Ensemble"],
    )


def samples(query: QueryDict, user: User) -> dict[str, Any]:
    """Everything the page needs."""
    now = timezone.now()
    levels = (
        ("debug", "Depth 1: 214 programs"),
        ("info", "Depth 2: 18,204 programs, 311 distinct outputs"),
        ("warning", "Rule cellwise matched 2 of 3 demonstrations; the third has another size"),
        ("error", "Worker lost its lease; the job goes back to its queue"),
    )
    return {
        "chart": sample_chart(),
        "plot": sample_plot(),
        "listing": _MadeUp(SAMPLE_LIST, query, user, path=reverse("lab:patterns")),
        "form": sample_form(),
        "grid_in": GRID_IN,
        "grid_out": GRID_OUT,
        "grid_guess": GRID_GUESS,
        "columns": [{"label": f"{0x007B + 97 * i:04x}"} for i in range(len(_STATES))],
        "rows": [
            {
                "label": name,
                "note": note,
                "cells": [
                    {"state": state, "label": f"{name}, column {i + 1}: {state}"}
                    for i, state in enumerate(_STATES[turn:] + _STATES[:turn])
                ],
            }
            for name, note, turn in (("program_synthesis", "22.5 %", 0), ("ensemble", "31.0 %", 3))
        ],
        "statuses": ["pending", "queued", "running", "paused", "completed", "failed", "timeout", "cancelled"],
        "severities": ["debug", "info", "warning", "error", "critical"],
        "lines": [
            LogLine(now - timedelta(seconds=9 - number), level, text) for number, (level, text) in enumerate(levels)
        ],
        "timeline": [
            {"status": "queued", "title": "Queued", "text": "by ada", "at": now - timedelta(minutes=9)},
            {"status": "running", "title": "Running", "text": "on greenhouse-1", "at": now - timedelta(minutes=8)},
            {"status": "completed", "title": "Completed", "text": "9 of 40 solved", "at": now - timedelta(minutes=2)},
        ],
        "tabs": [
            {"key": "matrix", "label": "Matrix", "url": "?tab=matrix"},
            {"key": "tasks", "label": "Tasks", "url": "?tab=tasks", "count": 40},
            {"key": "log", "label": "Log", "url": "?tab=log"},
        ],
        "trend": [0.12, 0.14, 0.13, 0.18, 0.2, 0.19, 0.225],
        "icons": [name for name in icons.PATHS if not name.startswith(("st-", "cell-"))],
        "code": "recolour(largest(objects(grid)), 3)\nfill(holes(grid), 1)",
    }
