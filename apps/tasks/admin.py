"""The curator's desk: tasks with their grids, families, and nothing that goes around the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.core.admin_gate import GatedAdmin
from apps.core.errors import TerrariumError
from apps.core.models import User
from apps.tasks import queries, services
from apps.tasks.content import MAX_DESCRIPTION, MAX_PATTERN, MAX_PATTERNS, task_data
from apps.tasks.models import ArcTask, Difficulty, TaskFamily
from apps.tasks.rows import PairsField, pairs_text
from apps.tasks.svg import grid_svg
from apps.tasks.thumbnails import thumbnails


def _curator(request: HttpRequest) -> User | None:
    """The curator who acts; the admin site lets nobody else in."""
    return request.user if isinstance(request.user, User) else None


class TaskForm(forms.ModelForm):  # type: ignore[type-arg]
    """A task's grids as rows of digits."""

    train_text = PairsField(label="Demonstrations", outputs_needed=True)
    tests_text = PairsField(label="Tests", outputs_needed=False)

    class Meta:
        model = ArcTask
        fields = ["task_source", "difficulty_level", "family", "metadata"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["train_text"] = pairs_text(self.instance.train_examples)
        self.initial["tests_text"] = pairs_text(self.instance.tests)

    def clean_metadata(self) -> dict[str, Any]:
        """An object, whatever it holds."""
        value = self.cleaned_data["metadata"]
        if not isinstance(value, dict):
            raise forms.ValidationError("Metadata is a JSON object, such as {}.")
        return value


@admin.register(ArcTask)
class ArcTaskAdmin(GatedAdmin):
    """Tasks. They come by import; here they are looked at, judged, grouped and corrected."""

    form = TaskForm
    change_list_template = "tasks/admin_list.html"
    change_form_template = "tasks/admin_change.html"
    list_display = ["picture", "task_id", "task_source", "difficulty_level", "family", "pairs", "max_side", "version"]
    list_display_links = ["picture", "task_id"]
    list_filter = ["dataset", "task_source", "difficulty_level", "same_size", "family"]
    list_select_related = ["family"]
    list_per_page = 50
    search_fields = ["task_id"]
    ordering = ["task_id"]
    actions = ["mark_easy", "mark_medium", "mark_hard", "mark_unknown", "assign_family"]
    readonly_fields = ["identity", "demonstrations", "test_grids", "history"]
    fieldsets = [
        (None, {"fields": ["identity", "task_source", "difficulty_level", "family"]}),
        ("Grids", {"fields": ["demonstrations", "train_text", "test_grids", "tests_text", "history"]}),
        ("More", {"fields": ["metadata"], "classes": ["collapse"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tasks come by import."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a task that nothing refers to."""
        return super().has_delete_permission(request, obj) and (obj is None or not services.tasks_in_use([obj.pk]))

    def get_actions(self, request: HttpRequest) -> Any:
        """Deleting many at once goes through one by one: a task in use must stay."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_queryset(self, request: HttpRequest) -> QuerySet[ArcTask]:
        """Lists leave the grids in the database."""
        rows: QuerySet[ArcTask] = super().get_queryset(request)
        match = request.resolver_match
        return (
            rows.defer(*queries.GRIDS, "pair_hashes")
            if match and match.url_name == "tasks_arctask_changelist"
            else rows
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with the pictures of its page drawn at once."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and "cl" in context:
            rows = list(context["cl"].result_list)
            pictures = thumbnails(rows)
            for row in rows:
                row.thumbnail = pictures[row.pk]
            context["cl"].result_list = rows
        return response

    @admin.display(description="First demonstration")
    def picture(self, task: ArcTask) -> SafeString:
        """A thumbnail."""
        return getattr(task, "thumbnail", SafeString(""))

    @admin.display(description="Pairs", ordering="train_count")
    def pairs(self, task: ArcTask) -> str:
        """How many to learn from, how many to solve."""
        return f"{task.train_count}\N{NO-BREAK SPACE}+\N{NO-BREAK SPACE}{task.test_count}"

    @admin.display(description="Task")
    def identity(self, task: ArcTask) -> SafeString:
        """What it is, and its page."""
        return format_html(
            '<a href="/tasks/{}/">{}</a>, version {}, {}', task.pk, task.pk, task.version, task.dataset_version or "–"
        )

    @admin.display(description="Demonstrations")
    def demonstrations(self, task: ArcTask) -> SafeString:
        """The grids as they stand."""
        return _pictures(task.train_examples)

    @admin.display(description="Tests")
    def test_grids(self, task: ArcTask) -> SafeString:
        """With their outputs: whoever corrects a task must see them."""
        return _pictures(task.tests)

    @admin.display(description="Earlier versions")
    def history(self, task: ArcTask) -> SafeString:
        """Kept because strategies had worked on them."""
        older = list(queries.older_versions(task))
        if not older:
            return SafeString("None.")
        return format_html_join(
            "", "<p>Version {}, until {}</p>", ((v.version, v.replaced_at.strftime("%Y-%m-%d %H:%M")) for v in older)
        )

    def save_model(self, request: HttpRequest, obj: ArcTask, form: Any, change: bool) -> None:
        """Through the service, so that a task in use gets a new version and families follow."""
        data = form.cleaned_data
        services.task_update(
            task_id=obj.pk,
            by=_curator(request),
            content=task_data(obj.raw_id, data["train_text"], data["tests_text"]),
            task_source=data["task_source"],
            metadata=data["metadata"],
            difficulty=data["difficulty_level"],
            family_id=data["family"].pk if data["family"] else None,
        )

    def delete_model(self, request: HttpRequest, obj: ArcTask) -> None:
        """Its family's average follows."""
        services.task_delete(task_id=obj.pk, by=_curator(request))

    def _mark(self, request: HttpRequest, rows: QuerySet[ArcTask], level: Difficulty) -> None:
        ids = list(rows.values_list("pk", flat=True))
        try:
            changed = services.difficulty_set(task_ids=ids, difficulty=level, by=_curator(request))
        except TerrariumError as error:
            self.message_user(request, error.message, messages.ERROR)
            return
        self.message_user(request, f"{changed:,} of {len(ids):,} tasks changed to {level.label.lower()}.")

    @admin.action(description="Difficulty: easy")
    def mark_easy(self, request: HttpRequest, rows: QuerySet[ArcTask]) -> None:
        """Judge the chosen tasks."""
        self._mark(request, rows, Difficulty.EASY)

    @admin.action(description="Difficulty: medium")
    def mark_medium(self, request: HttpRequest, rows: QuerySet[ArcTask]) -> None:
        """Judge the chosen tasks."""
        self._mark(request, rows, Difficulty.MEDIUM)

    @admin.action(description="Difficulty: hard")
    def mark_hard(self, request: HttpRequest, rows: QuerySet[ArcTask]) -> None:
        """Judge the chosen tasks."""
        self._mark(request, rows, Difficulty.HARD)

    @admin.action(description="Difficulty: unknown")
    def mark_unknown(self, request: HttpRequest, rows: QuerySet[ArcTask]) -> None:
        """Take a judgement back."""
        self._mark(request, rows, Difficulty.UNKNOWN)

    @admin.action(description="Family: put in, or take out of, a family")
    def assign_family(self, request: HttpRequest, rows: QuerySet[ArcTask]) -> HttpResponse | None:
        """Ask which family, then move the chosen tasks."""
        return family_action(self, request, rows, _curator(request))


def family_action(
    site: ArcTaskAdmin, request: HttpRequest, rows: QuerySet[ArcTask], by: User | None
) -> HttpResponse | None:
    """The action's second page, and what its button does."""
    ids = list(rows.values_list("pk", flat=True))
    if "family_id" not in request.POST:
        context = {
            **site.admin_site.each_context(request),
            "title": "Family",
            "opts": site.model._meta,
            "ids": ids,
            "families": list(queries.family_choices()),
        }
        return TemplateResponse(request, "tasks/admin_family.html", context)
    try:
        moved = services.family_assign(task_ids=ids, family_id=request.POST["family_id"] or None, by=by)
    except TerrariumError as error:
        site.message_user(request, error.message, messages.ERROR)
    else:
        site.message_user(request, f"{moved:,} of {len(ids):,} tasks moved.")
    return None


def _pictures(pairs: list[dict[str, Any]]) -> SafeString:
    """Pairs side by side, numbered as in the text beneath."""
    cells = []
    for number, pair in enumerate(pairs, start=1):
        output = grid_svg(pair["output"], size=150) if pair["output"] is not None else "<p>output unknown</p>"
        cells.append(
            f'<figure class="arc-admin-pair"><div>{grid_svg(pair["input"], size=150)}{output}</div>'
            f"<figcaption>{number}</figcaption></figure>"
        )
    return mark_safe(f'<div class="arc-admin-pairs">{"".join(cells)}</div>')  # noqa: S308 - numbers only


class FamilyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A family; its patterns are a list of sentences."""

    class Meta:
        model = TaskFamily
        fields = ["family_name", "description", "common_patterns"]

    def clean_common_patterns(self) -> list[str]:
        """What the API promises: a list of texts."""
        value = self.cleaned_data["common_patterns"] or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise forms.ValidationError('A JSON list of sentences, such as ["Things fall down"].')
        if len(value) > MAX_PATTERNS or any(len(item) > MAX_PATTERN for item in value):
            raise forms.ValidationError(f"At most {MAX_PATTERNS} sentences of {MAX_PATTERN} characters each.")
        return value

    def clean_description(self) -> str:
        """As long as the API takes it."""
        value: str = self.cleaned_data["description"]
        if len(value) > MAX_DESCRIPTION:
            raise forms.ValidationError(f"This has {len(value):,} characters; at most {MAX_DESCRIPTION:,} are kept.")
        return value


@admin.register(TaskFamily)
class TaskFamilyAdmin(GatedAdmin):
    """Families and how hard their tasks are."""

    form = FamilyForm
    list_display = ["family_name", "size", "avg_difficulty", "created_at"]
    search_fields = ["family_name", "description"]
    fields = ["family_name", "description", "common_patterns", "avg_difficulty"]
    readonly_fields = ["avg_difficulty"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskFamily]:
        """With the number of tasks."""
        return queries.families()

    @admin.display(description="Tasks", ordering="task_count")
    def size(self, family: Any) -> int:
        """How many tasks it has."""
        return int(family.task_count)
