"""After warming up, no task compiles or loads anything: a cell's seconds are the search's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json
from numba.core import event
from apps.experiments.engine import registry
from apps.experiments.engine.compiled import KERNELS
from apps.experiments.engine.strategy import Budget
from apps.tasks.engine.formats import load_canonical

solver = registry.get("program_synthesis")
solver.warm()
loaded = {kernel.name for kernel in KERNELS if kernel.overloads}
compiled = []
class Note(event.Listener):
    def on_start(self, told):
        compiled.append(str(told.data["dispatcher"]))
    def on_end(self, told):
        pass
event.register("numba:compile", Note())
for task in load_canonical("arc1/training"):
    if task.raw_id in ("846bdb03", "23b5c85d", "6cdd2623", "1e32b0e9", "007bbfb7", "d511f180", "beb8660c"):
        solver.solve(task.puzzle(), config=solver.Config(), budget=Budget(0.4, 60.0), seed=0)
later = sorted({kernel.name for kernel in KERNELS if kernel.overloads} - loaded)
print(json.dumps([len(loaded), later, compiled]))
"""


@pytest.mark.usefixtures("prepared")
def test_solving_real_tasks_compiles_and_loads_nothing_more() -> None:
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True, timeout=400
    )
    kernels, later, compiled = json.loads(done.stdout)
    assert kernels > 30
    assert (later, compiled) == ([], [])
