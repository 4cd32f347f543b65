"""Writes of the tasks app: import, change, group, judge. For curators; `by=None` is the system itself."""

from apps.tasks.services.families import (
    DIFFICULTY_POINTS,
    MAX_AT_ONCE,
    FamilyFilled,
    difficulty_set,
    family_assign,
    family_create,
    family_delete,
    family_fill,
    family_update,
)
from apps.tasks.services.shared import current_data, tasks_in_use
from apps.tasks.services.tasks import Unset, task_create, task_delete, task_update
from apps.tasks.services.writing import ImportReport, canonical_import, counts_sentence, tasks_import

__all__ = [
    "DIFFICULTY_POINTS",
    "MAX_AT_ONCE",
    "FamilyFilled",
    "ImportReport",
    "Unset",
    "canonical_import",
    "counts_sentence",
    "current_data",
    "difficulty_set",
    "family_assign",
    "family_create",
    "family_delete",
    "family_fill",
    "family_update",
    "task_create",
    "task_delete",
    "task_update",
    "tasks_import",
    "tasks_in_use",
]
