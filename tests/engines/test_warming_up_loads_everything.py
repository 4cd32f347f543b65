"""After warming up, no task compiles anything: a cell's seconds are the search's."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from numba.core.dispatcher import Dispatcher
from apps.experiments.engine import registry
from apps.experiments.engine.strategy import Budget
from apps.tasks.engine.formats import load_canonical

def signatures():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("apps.experiments.engine.synthesis"):
            for one in vars(module).values():
                if isinstance(one, Dispatcher):
                    found[one.py_func.__name__] = len(one.signatures)
    return found

solver = registry.get("program_synthesis")
solver.warm()
before = signatures()
for task in load_canonical("arc1/training"):
    if task.raw_id in ("846bdb03", "23b5c85d", "6cdd2623", "1e32b0e9", "007bbfb7", "d511f180", "beb8660c"):
        solver.solve(task.puzzle(), config=solver.Config(), budget=Budget(0.4, 60.0), seed=0)
print(json.dumps([len(before), {name: count for name, count in signatures().items() if count != before.get(name)}]))
"""


def test_solving_real_tasks_compiles_nothing_more() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=400)
    kernels, more = json.loads(done.stdout)
    assert kernels > 50
    assert more == {}
