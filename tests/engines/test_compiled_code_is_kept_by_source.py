"""Machine code is kept under a name that changes with any of the sources it was made of."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from apps.experiments.engine import compiled, synthesis
from apps.experiments.engine.compiled import config, keep_compiled
from apps.experiments.engine.synthesis import dag


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(compiled, "_GIVEN", "")
    made = tmp_path / "kernels"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "one.py").write_text("a = 1\n")
    return made


def test_the_solver_keeps_its_machine_code_by_its_sources() -> None:
    folder = keep_compiled(Path(synthesis.__file__).parent)
    assert Path(str(dag.enumerate_states.stats.cache_path)).parent == folder


def test_the_same_sources_have_one_folder_and_others_another(package: Path) -> None:
    first = keep_compiled(package)
    assert first == keep_compiled(package)
    assert Path(config.CACHE_DIR) == first
    (package / "deep" / "one.py").write_text("a = 2\n")
    second = keep_compiled(package)
    assert second != first
    assert first.is_dir()
    (package / "deep" / "two.py").write_text("")
    assert keep_compiled(package) not in (first, second)


def test_folders_of_other_sources_are_removed_after_a_week(package: Path) -> None:
    first = keep_compiled(package)
    week = time.time() - 8 * 86_400
    os.utime(first, (week, week))
    (package / "new.py").write_text("")
    second = keep_compiled(package)
    assert [one.name for one in second.parent.iterdir()] == [second.name]


def test_the_place_the_environment_names_is_used(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "_GIVEN", str(tmp_path / "elsewhere"))
    assert keep_compiled(package).parent == tmp_path / "elsewhere"


def test_where_nothing_can_be_written_numba_finds_its_own_place(package: Path) -> None:
    (package / "__pycache__").write_text("not a folder")
    keep_compiled(package)
    assert config.CACHE_DIR == ""
