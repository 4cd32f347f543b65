"""A job's status in other people's words: each published interface has a vocabulary of its own, ours hides behind none.

Programs get `state`, our own word, beside the published one, so nothing is lost in translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from apps.core.models import JobStatus

Vocabulary = Literal["experiments", "training", "evolution", "agents"]

WORDS: Mapping[Vocabulary, Mapping[str, str]] = {
    "experiments": {
        JobStatus.PENDING: "pending",
        JobStatus.QUEUED: "pending",
        JobStatus.RUNNING: "in_progress",
        JobStatus.PAUSED: "in_progress",
        JobStatus.COMPLETED: "completed",
        JobStatus.FAILED: "failed",
        JobStatus.TIMEOUT: "timeout",
        JobStatus.CANCELLED: "failed",
    },
    "training": {
        JobStatus.PENDING: "pending",
        JobStatus.QUEUED: "queued",
        JobStatus.RUNNING: "running",
        JobStatus.PAUSED: "running",
        JobStatus.COMPLETED: "completed",
        JobStatus.FAILED: "failed",
        JobStatus.TIMEOUT: "failed",
        JobStatus.CANCELLED: "cancelled",
    },
    "evolution": {
        JobStatus.PENDING: "PENDING",
        JobStatus.QUEUED: "QUEUED",
        JobStatus.RUNNING: "RUNNING",
        JobStatus.PAUSED: "RUNNING",
        JobStatus.COMPLETED: "SUCCEEDED",
        JobStatus.FAILED: "FAILED",
        JobStatus.TIMEOUT: "FAILED",
        JobStatus.CANCELLED: "CANCELLED",
    },
    "agents": {
        JobStatus.PENDING: "pending",
        JobStatus.QUEUED: "pending",
        JobStatus.RUNNING: "in_progress",
        JobStatus.PAUSED: "in_progress",
        JobStatus.COMPLETED: "completed",
        JobStatus.FAILED: "failed",
        JobStatus.TIMEOUT: "failed",
        JobStatus.CANCELLED: "cancelled",
    },
}
"""By vocabulary, then by our status."""


def published(status: str, vocabulary: Vocabulary = "training") -> str:
    """Our word for a status in a published vocabulary; a word that is not ours stays as it is."""
    return WORDS[vocabulary].get(status, status)


def meant_by(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Our statuses that a published word stands for."""
    return tuple(status for status, said in WORDS[vocabulary].items() if said == word)
