"""What became of one execution of a job; what becomes of the job is for `settle` to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from apps.core.jobs.reports import Said, Usage

Outcome = Literal["completed", "failed", "killed", "lost", "timeout", "cancelled", "paused", "released"]


@dataclass(frozen=True)
class Verdict:
    """What became of one execution.

    `failed`: the work raised (tried again only if `retryable`). `killed`: a signal ended it that was not ours.
    `lost`: its host, worker or fork server went away, or it could not be started. `released`: a worker that
    stops gives it back. `last_words` is what it said that is not yet in the log.
    """

    outcome: Outcome
    usage: Usage = field(default_factory=Usage)
    result: dict[str, Any] | None = None
    error_code: str = ""
    error_message: str = ""
    stack_trace: str = ""
    retryable: bool = False
    last_words: tuple[Said, ...] = ()
