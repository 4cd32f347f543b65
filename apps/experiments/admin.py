"""Experiments in the Django admin: for looking things up, with grids as grids. Pages and API change them, by their rules."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.core.admin import LookOnly
from apps.core.words import pct
from apps.experiments.models import (
    Experiment,
    ExperimentResult,
    ExperimentRun,
    Solve,
    StrategyMetric,
    TaskSubmission,
)
from apps.experiments.queries.cells import attempts_of
from apps.tasks.svg import grid_svg


def _page(url: str, words: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, words)


@admin.register(Experiment)
class ExperimentAdmin(LookOnly):
    """Experiments."""

    list_display = ["name", "status", "strategies", "created_by", "created_at", "completed_at", "page"]
    list_filter = ["status"]
    list_select_related = ["created_by"]
    search_fields = ["name", "experiment_id", "hypothesis"]
    ordering = ["-created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        """Without the lists of tasks, which may be long."""
        rows: QuerySet[Experiment] = super().get_queryset(request)
        return rows.defer("task_selection")

    @admin.display(description="Strategies")
    def strategies(self, row: Experiment) -> str:
        """Their names."""
        return ", ".join(sorted(row.strategy_configs))

    @admin.display(description="Page")
    def page(self, row: Experiment) -> SafeString:
        """Its own page."""
        return _page(reverse("experiments:detail", args=[row.pk]), "open")


@admin.register(ExperimentRun)
class ExperimentRunAdmin(LookOnly):
    """Runs."""

    list_display = ["__str__", "run_id", "status", "cells_total", "started_at", "completed_at"]
    list_filter = ["status"]
    search_fields = ["run_id", "experiment_name"]
    ordering = ["-started_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExperimentRun]:
        """Without the lists of tasks."""
        rows: QuerySet[ExperimentRun] = super().get_queryset(request)
        return rows.defer("task_ids")


@admin.register(Solve)
class SolveAdmin(LookOnly):
    """Cells."""

    list_display = [
        "solve_id",
        "task_id",
        "strategy",
        "seed",
        "status",
        "score",
        "core_seconds",
        "tries",
        "finished_at",
    ]
    list_filter = ["status", "strategy"]
    search_fields = ["solve_id", "run__run_id", "task__task_id"]
    ordering = ["-solve_id"]
    raw_id_fields = ["task", "submission", "job", "run"]


@admin.register(TaskSubmission)
class TaskSubmissionAdmin(LookOnly):
    """Answers, drawn."""

    list_display = [
        "picture",
        "submission_id",
        "task_id",
        "strategy_used",
        "seed",
        "is_correct",
        "score",
        "error_type",
        "submitted_at",
    ]
    list_display_links = ["picture", "submission_id"]
    list_filter = ["is_correct", "strategy_used"]
    search_fields = ["submission_id", "task__task_id"]
    ordering = ["-submitted_at"]
    exclude = ["predictions", "predicted_output"]
    readonly_fields = ["answer"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskSubmission]:
        """Lists draw the first attempt only."""
        rows: QuerySet[TaskSubmission] = super().get_queryset(request)
        match = request.resolver_match
        in_list = match is not None and (match.url_name or "").endswith("changelist")
        return rows.defer("predictions", "metadata", "hits", "resource_usage") if in_list else rows

    @admin.display(description="Answer")
    def picture(self, row: TaskSubmission) -> SafeString:
        """Attempt 1 at the first test."""
        return _drawn(row.predicted_output, 48) if row.predicted_output else format_html("<span>{}</span>", "–")

    @admin.display(description="Attempts")
    def answer(self, row: TaskSubmission) -> SafeString:
        """Every attempt at every test, with its program."""
        parts = [
            (number, attempt, _drawn(one.grid, 160), pct(one.confidence, 0), one.program)
            for number, tests in enumerate(attempts_of(row), start=1)
            for attempt, one in enumerate(tests, start=1)
        ]
        return format_html_join("", "<div><p>Test {}, attempt {}</p>{}<p>{} sure</p><pre>{}</pre></div>", parts)


def _drawn(grid: Any, size: int) -> SafeString:
    return mark_safe(grid_svg(grid, size=size))  # noqa: S308 - numbers only


@admin.register(ExperimentResult)
class ExperimentResultAdmin(LookOnly):
    """Measured outcomes."""

    list_display = ["result_id", "experiment_id", "task_id", "submission_id", "recorded_at"]
    search_fields = ["experiment__experiment_id", "task__task_id"]
    ordering = ["-result_id"]


@admin.register(StrategyMetric)
class StrategyMetricAdmin(LookOnly):
    """How strategies did."""

    list_display = [
        "metric_id",
        "strategy_type",
        "task_id",
        "success",
        "execution_time_ms",
        "resource_cost",
        "recorded_at",
    ]
    list_filter = ["success", "strategy_type"]
    search_fields = ["task__task_id"]
    ordering = ["-metric_id"]
