"""Setting up from nothing: what a newcomer's machine may lack is said in words."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "config" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    return module


def test_an_old_python_is_refused_with_the_remedy(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (9, 0))
    with pytest.raises(SystemExit):
        bootstrap.check_interpreter()
    assert "make run PYTHON=" in capsys.readouterr().err


def test_a_python_without_venv_is_refused_with_the_package_to_install(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit):
        bootstrap.check_interpreter()
    assert "-venv" in capsys.readouterr().err


def test_a_half_finished_environment_is_replaced(bootstrap: ModuleType) -> None:
    broken = bootstrap.VENV / "bin"
    broken.mkdir(parents=True)
    (broken / "python").write_text("#!/bin/sh\nexit 1\n")
    (broken / "python").chmod(0o755)
    bootstrap.make_environment()
    assert (bootstrap.VENV / "pyvenv.cfg").exists()


def test_an_environment_counts_as_finished_only_with_its_stamp(bootstrap: ModuleType) -> None:
    wanted = bootstrap.wanted_stamp("requirements.txt")
    stamp = bootstrap.VENV / "installed"
    assert not bootstrap.is_finished(stamp, wanted)
    (bootstrap.VENV / "bin").mkdir(parents=True)
    bootstrap.PYTHON.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    bootstrap.PYTHON.chmod(0o755)
    stamp.write_text("requirements.txt 0000\n")
    assert not bootstrap.is_finished(stamp, wanted)
    stamp.write_text(wanted + "\n")
    assert bootstrap.is_finished(stamp, wanted)


def test_a_failed_installation_names_the_cause_and_leaves_no_stamp(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    (tmp_path / "requirements.txt").write_text("./there-is-no-such-package\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    with pytest.raises(SystemExit):
        bootstrap.install("requirements.txt")
    assert "there-is-no-such-package" in capsys.readouterr().err
