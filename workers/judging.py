"""What became of an execution: the verdict on a process that has ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from apps.core.jobs.reports import Usage
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job
from workers.forkserver import Child
from workers.stopping import Stop


def judge(
    job: Job, child: Child, *, outcome: Mapping[str, Any] | None, stop: Stop | None, tail: str, broken: str, used: Usage
) -> Verdict:
    """The verdict: what it returned counts, whatever was asked of it meanwhile; then why we ended it; then how it ended."""
    kind = outcome["type"] if outcome is not None else ""
    if outcome is not None and kind == "result":
        result = outcome["result"]
        return Verdict("completed", used, result=result if isinstance(result, dict) else {"value": result})
    stopped = judge_stop(job, stop, used)
    if stopped is not None:
        return stopped
    if kind == "stopped":
        text = "It stopped as if it had been asked to; nobody had."
        return Verdict("failed", used, error_code="stopped_unasked", error_message=text, retryable=True)
    if outcome is not None:
        return Verdict(
            "failed",
            used,
            error_code=str(outcome.get("code", "error")),
            error_message=str(outcome.get("message", "")),
            stack_trace=str(outcome.get("trace", "")),
            retryable=bool(outcome.get("retryable")),
        )
    if broken:
        text = f"It wrote {broken}."
        return Verdict("failed", used, error_code="broken_pipe", error_message=text, retryable=True)
    return _judge_end(child, tail, used)


def _judge_end(child: Child, tail: str, used: Usage) -> Verdict:
    if child.orphaned or child.status is None:
        return Verdict("lost", used, error_code="fork_server", error_message="The fork server went away under it.")
    if os.WIFSIGNALED(child.status):
        name = signal.Signals(os.WTERMSIG(child.status)).name
        text = f"Its process was killed by {name}."
        return Verdict("killed", used, error_code="killed", error_message=text, stack_trace=tail)
    text = f"Its process exited with status {os.WEXITSTATUS(child.status)} and no result."
    return Verdict("failed", used, error_code="exited", error_message=text, stack_trace=tail, retryable=True)


def judge_stop(job: Job, stop: Stop | None, used: Usage) -> Verdict | None:
    """The verdict when we ended it ourselves."""
    match stop:
        case "cancel":
            return Verdict("cancelled", used, error_code="cancelled", error_message="Cancelled while it ran.")
        case "pause":
            return Verdict("paused", used)
        case "release":
            return Verdict("released", used, error_code="released", error_message="Its worker was stopped.")
        case "stop_early":
            text = "It was asked to end early with what it had, and had nothing in time."
            return Verdict("failed", used, error_code="stop_early", error_message=text)
        case "timeout":
            text = f"It took longer than {job.timeout_seconds:g} seconds."
            return Verdict("timeout", used, error_code="timeout", error_message=text)
        case "deadline":
            text = "Its deadline passed while it ran."
            return Verdict("timeout", used, error_code="deadline", error_message=text)
        case "memory":
            text = "With all its processes it used more than twice the memory it may have."
            return Verdict("failed", used, error_code="out_of_memory", error_message=text)
        case "unwritable":
            text = "What it reported could not be written down; the worker's log says why."
            return Verdict("failed", used, error_code="unwritable", error_message=text)
        case "fenced":
            return Verdict("lost", used)
        case None:
            return None
