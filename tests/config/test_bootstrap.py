"""Setting up from nothing: what a newcomer's machine may lack is said in words, and nothing half done is built upon."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from tests.patience import BRIEFLY, PATIENCE, until

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
    monkeypatch.setattr(module, "DRIVER", tmp_path / "driver")
    monkeypatch.delenv("TERRARIUM_TORCH", raising=False)
    return module


@pytest.fixture
def installing(bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Install with programs that are these Python texts instead of uv and pip; what happened is returned, in order."""
    happened = tmp_path / "happened"

    def note(what: str) -> None:
        with happened.open("a") as file:
            file.write(f"{what}\n")

    def run(*ways: str) -> list[str]:
        write = f"import sys; open({str(happened)!r}, 'a').write(sys.argv[1] + ' ' + sys.argv[2].partition('==')[0] + '\\n'); "
        commands = [[sys.executable, "-c", write + way, str(number)] for number, way in enumerate(ways)]
        monkeypatch.setattr(bootstrap, "ways_to_install", lambda: iter(commands))
        monkeypatch.setattr(bootstrap, "prepare_solver", lambda: note("the solver"))
        monkeypatch.setattr(bootstrap, "install_torch", lambda build, ways: note(f"torch for {build}"))
        bootstrap.VENV.mkdir(exist_ok=True)
        try:
            bootstrap.install("requirements.txt")
        finally:
            lines = happened.read_text().splitlines()
        return lines

    return run


def stand_in(bootstrap: ModuleType, script: str = f'exec {sys.executable} "$@"') -> None:
    """An environment whose interpreter is this shell script."""
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.write_text(f"#!/bin/sh\n{script}\n")
    bootstrap.PYTHON.chmod(0o755)


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


def test_an_environment_whose_interpreter_is_broken_is_replaced(bootstrap: ModuleType) -> None:
    stand_in(bootstrap, "exit 1")
    bootstrap.make_environment()
    assert (bootstrap.VENV / "pyvenv.cfg").exists()


def test_a_sound_environment_is_kept_and_one_cut_off_while_installing_is_replaced(bootstrap: ModuleType) -> None:
    stand_in(bootstrap)
    mine = bootstrap.VENV / "mine"
    mine.touch()
    bootstrap.make_environment()
    assert mine.exists()
    (bootstrap.VENV / "installing").touch()
    bootstrap.make_environment()
    assert not mine.exists()
    assert not (bootstrap.VENV / "installing").exists()


def test_an_environment_counts_as_finished_only_with_its_stamp(bootstrap: ModuleType) -> None:
    wanted = bootstrap.wanted_stamp("requirements.txt")
    stamp = bootstrap.VENV / "installed"
    assert not bootstrap.is_finished(stamp, wanted)
    stand_in(bootstrap)
    stamp.write_text("requirements.txt 0000\n")
    assert not bootstrap.is_finished(stamp, wanted)
    stamp.write_text(wanted + "\n")
    assert bootstrap.is_finished(stamp, wanted)


def test_the_solver_compiles_once_its_packages_are_there_while_the_rest_arrives(
    bootstrap: ModuleType, installing: Callable[..., list[str]]
) -> None:
    assert installing("", "") == ["0 pydantic", "the solver", "torch for cpu", "0 --requirement"]
    assert not (bootstrap.VENV / "installing").exists()


def test_where_uv_fails_pip_is_tried_and_the_cause_is_said(
    installing: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    said = installing("sys.exit('no such mirror')", "")
    assert said == ["0 pydantic", "1 pydantic", "the solver", "torch for cpu", "1 --requirement"]
    assert "uv failed (no such mirror); trying pip" in capsys.readouterr().out


def test_a_failed_installation_names_the_cause_and_may_be_gone_on_with(
    bootstrap: ModuleType, installing: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        installing("sys.exit('first')", "sys.exit('there is no such package')")
    assert "there is no such package" in capsys.readouterr().err
    assert not (bootstrap.VENV / "installing").exists()


def test_an_installer_that_was_killed_leaves_its_mark_and_nothing_goes_on_upon_its_half(
    bootstrap: ModuleType, tmp_path: Path, installing: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    kill = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    with pytest.raises(SystemExit):
        installing(kill, "")
    assert (tmp_path / "happened").read_text() == "0 pydantic\n"
    assert (bootstrap.VENV / "installing").exists()
    assert "killed by signal 9" in capsys.readouterr().err


def test_without_uv_pip_is_the_only_way(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "uv", lambda: None)
    monkeypatch.setattr(bootstrap, "pip", lambda: ["pip"])
    assert [way[:2] for way in bootstrap.ways_to_install()] == [["pip", "install"]]


def test_a_uv_on_the_path_is_used_and_one_that_does_not_run_is_not(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "uv"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr(bootstrap, "pip", lambda: ["false"])  # nothing can be fetched
    assert bootstrap.uv() == str(program)
    program.write_text("#!/bin/sh\nexit 1\n")
    assert bootstrap.uv() is None


def test_uv_looks_for_packages_where_pip_is_told_to(bootstrap: ModuleType) -> None:
    configured = (
        ":env:.index-url='https://mirror.example/simple'\n"
        "global.index-url='https://old.example/simple'\n"
        "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'\n"
        "install.find-links='/srv/wheels'\n"
        "global.timeout='60'\n"
    )
    assert bootstrap.sources(configured) == [
        "--index-url", "https://mirror.example/simple",
        "--extra-index-url", "https://a.example/simple",
        "--extra-index-url", "https://b.example/simple",
        "--find-links", "/srv/wheels",
    ]  # fmt: skip
    assert bootstrap.sources("") == []


def test_torch_is_for_cpus_unless_there_is_a_gpu_or_somebody_says(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without = bootstrap.wanted_stamp("requirements.txt")
    assert bootstrap.wanted_build() == "cpu"
    bootstrap.DRIVER.touch()
    assert bootstrap.wanted_build() == "cuda"
    assert bootstrap.wanted_stamp("requirements.txt") != without, "another build is another environment"
    monkeypatch.setenv("TERRARIUM_TORCH", "cpu")
    assert bootstrap.wanted_build() == "cpu"
    monkeypatch.setenv("TERRARIUM_TORCH", "rocm")
    with pytest.raises(SystemExit):
        bootstrap.wanted_build()
    assert "Set it to cpu, cuda or auto" in capsys.readouterr().err


@pytest.mark.parametrize("has_it", ["mirror", "pytorch", "nobody"])
def test_the_small_torch_is_looked_for_at_the_mirror_then_at_pytorch_and_its_lack_is_said(
    bootstrap: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    has_it: str,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    asked = tmp_path / "asked"
    way = ["sh", "-c", f'echo "$@" >> {asked}; case "$@" in {{}}) exit 0;; esac; exit 1', "installer"]
    way[2] = way[2].format({"mirror": "torch*", "pytorch": "--extra*torch*", "nobody": "never"}[has_it])
    bootstrap.install_torch("cpu", [way])
    (pin,) = bootstrap.pins(["torch"])
    everywhere = [f"{pin}+cpu", f"--extra-index-url {bootstrap.CPU_INDEX} {pin}+cpu"]
    assert asked.read_text().splitlines() == (everywhere[:1] if has_it == "mirror" else everywhere)
    assert ("may be gigabytes" in capsys.readouterr().out) == (has_it == "nobody")


def test_the_build_for_gpus_and_other_systems_is_left_to_the_requirements(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.install_torch("cuda", [["false"]])
    monkeypatch.setattr(sys, "platform", "darwin")
    bootstrap.install_torch("cpu", [["false"]])


def test_an_environment_whose_torch_knows_no_gpu_is_replaced_once_one_is_wanted(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(bootstrap)
    known = bootstrap.VENV / "lib/python3.11/site-packages/torch-2.13.0+cpu.dist-info"
    known.mkdir(parents=True)
    bootstrap.make_environment()
    assert known.exists()
    monkeypatch.setenv("TERRARIUM_TORCH", "cuda")
    bootstrap.make_environment()
    assert not known.exists()


def test_two_set_ups_of_one_folder_take_turns(bootstrap: ModuleType) -> None:
    order: list[str] = []
    started = threading.Event()

    def second() -> None:
        started.set()
        with bootstrap.alone():
            order.append("second")

    with bootstrap.alone():
        thread = threading.Thread(target=second)
        thread.start()
        assert started.wait(PATIENCE)
        thread.join(BRIEFLY)  # it must not get through, however long it is given
        order.append("first")
    thread.join(PATIENCE)
    assert order == ["first", "second"]


def test_the_solver_is_compiled_from_the_project_without_a_terminal_and_gives_way_to_others(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    stand_in(bootstrap, f'echo "$@" $(nice) $(pwd) > {told}.draft; mv {told}.draft {told}')
    bootstrap.prepare_solver()
    until(told.exists)
    assert told.read_text().split() == ["-m", "apps.experiments.engine.prepare", str(os.nice(0) + 10), str(ROOT)]


def test_a_solver_that_cannot_be_compiled_fails_nothing(bootstrap: ModuleType) -> None:
    bootstrap.prepare_solver()  # there is no interpreter


def test_what_is_installed_first_is_pinned_and_all_that_compiling_needs(bootstrap: ModuleType) -> None:
    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    assert {pin.partition("==")[0] for pin in bootstrap.pins(bootstrap.FIRST)} == set(bootstrap.FIRST)
    there, new = set[str](), set(bootstrap.FIRST)
    while new:
        there |= new
        needs = {need for name in new for need in metadata.requires(name) or [] if "extra ==" not in need}
        new = {normal(re.split(r"[^\w.-]", need, maxsplit=1)[0]) for need in needs} - there
    owners = metadata.packages_distributions()
    absent = {name for name, packages in owners.items() if not there & {normal(package) for package in packages}}
    assert "django" in absent
    code = f"import sys; sys.modules.update(dict.fromkeys({absent!r})); import {bootstrap.PREPARE}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
