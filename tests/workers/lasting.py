"""Work that lasts, made short: it learns step by step, keeps checkpoints, and goes on from the last one.

What it learns is a sum over all steps, so that a step lost or done twice shows in the result. `lab` is a folder through
which a test leads it: it does not go beyond the step that the file `step` there names.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from workers.inside import Report


def work(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Learn `steps` steps, keeping a checkpoint every `every`."""
    before = arguments.get("checkpoint") or {}
    step, learnt = before.get("step", 0), before.get("state", {}).get("learnt", 0)
    began, kept = step, 0
    while step < arguments["steps"]:
        asked = _may_go_on(arguments, step, report)
        if asked == "stop_early":
            return {"learnt": learnt, "steps": step, "early": True, "began": began}
        if asked:
            keep(arguments, report, step, learnt, note=f"asked to {asked}")
            report.stop()
        step += 1
        learnt += step * step
        report("metrics", {"step": step, "learnt": learnt})
        if step % arguments.get("every", 10) == 0:
            kept = keep(arguments, report, step, learnt)
    while report.kept < kept:
        time.sleep(0.01)
    return {"learnt": learnt, "steps": step, "early": False, "began": began, "kept": kept}


def keep(arguments: dict[str, Any], report: Report, step: int, learnt: int, note: str = "") -> int:
    """A checkpoint of what has been learnt."""
    return report.checkpoint(step=step, fraction=step / arguments["steps"], note=note, state={"learnt": learnt})


def _may_go_on(arguments: dict[str, Any], step: int, report: Report) -> str:
    """Wait for leave to do the next step; what is asked instead."""
    allowed = Path(arguments["lab"]) / "step"
    while True:
        asked = report.asked(wait=0.0 if step < int(allowed.read_text() or 0) else 0.02)
        if asked or step < int(allowed.read_text() or 0):
            return asked
