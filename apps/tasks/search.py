"""Tasks in the search of the top bar."""

from __future__ import annotations

from collections.abc import Sequence

from apps.core import search
from apps.core.models import User
from apps.core.search import Hit, SearchProvider
from apps.tasks.queries import task_suggestions


def register() -> None:
    """Make the provider known."""
    search.register(SearchProvider(name="tasks", title="Tasks", icon="tasks", find=_find))


def _find(user: User, text: str, limit: int) -> Sequence[Hit]:  # noqa: ARG001 - members see every task
    return [
        Hit(title=row["task_id"], url=f"/tasks/{row['task_id']}/", note=row["family__family_name"] or "")
        for row in task_suggestions(text, limit)
    ]
