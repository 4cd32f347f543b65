"""The submissions of a task, on the task's own page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.template.loader import render_to_string

from apps.core.access import member
from apps.core.lists import Empty, ListPage, Sort
from apps.core.models import Role
from apps.core.words import pct
from apps.experiments import queries
from apps.experiments.models import TaskSubmission
from apps.experiments.queries.figures import NOTHING_FOUND
from apps.tasks.models import ArcTask

SUBMISSIONS = ListPage(
    name="submissions",
    title="Submissions",
    noun="submission",
    sorts={"best": Sort(queries.BEST_FIRST)},
    first_sort="best",
    body="experiments/_answers.html",
    page_size=12,
    sizes=(12, 24, 48),
    keep=("truth", "digits"),
    nothing=Empty("Nobody has answered this task yet", "Its answers appear here beside each other."),
)


def count(task: ArcTask) -> int:
    """How many answers there are."""
    return TaskSubmission.objects.filter(task=task).count()


def render(request: HttpRequest, task: ArcTask) -> str:
    """Answers, best first; the difference from the truth only when asked for."""
    shown = request.GET.get("truth") == "1"
    listing = SUBMISSIONS.read(request, rows=queries.submissions_of_task(task_id=task.pk))
    listing.more |= {"task": task, "answers": [_answer(row, task, shown) for row in listing.items], "shown": shown}
    context = {
        "listing": listing,
        "may_create": member(request).has_role(Role.RESEARCHER),
        "new_url": f"/experiments/new/?{urlencode({'task': task.pk})}",
        "family_url": f"/experiments/new/?{urlencode({'family': task.family_id})}" if task.family_id else "",
    }
    return render_to_string("experiments/_task_tab.html", context, request=request)


def _answer(row: TaskSubmission, task: ArcTask, shown: bool) -> dict[str, Any]:
    same_version = row.task_version == task.version
    status, said = _ended(row)
    return {
        "row": row,
        "status": status,
        "said": said,
        "tests": queries.tests_of(row, task.tests, with_truth=shown and same_version),
    }


def _ended(row: TaskSubmission) -> tuple[str, str]:
    """The badge of an answer: its state and what it says."""
    if row.error_type and row.error_type != NOTHING_FOUND:
        return row.error_type if row.error_type in ("timeout", "cancelled") else "failed", row.error_type.replace(
            "_", " "
        )
    if row.score is None:
        return "queued", "not scored"
    if row.is_correct:
        return "solved", "solved"
    if row.score:
        return "partial", f"{pct(row.score, 0)} solved"
    return ("nothing", "found nothing") if row.error_type else ("wrong", "wrong answer")
