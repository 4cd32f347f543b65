"""Preparing: all cores, telling how far it is, once for all who ask, and nothing lost when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.experiments.engine import kept, prepare, registry
from apps.experiments.engine.kept import Progress

ROOT = Path(__file__).parent.parent.parent
GOOD = "one,two,three,apart"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path / "compiled"


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engines.small_kernels", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str) -> tuple[int, list[str]]:
    process = started(*arguments)
    said, _ = process.communicate(timeout=300)
    return process.returncode, said.splitlines()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_it_tells_how_far_it_is_in_lines_and_in_a_file(folder: Path, jobs: str) -> None:
    code, lines = run(GOOD, "--jobs", jobs)
    assert code == 0
    assert lines[0] == "preparing 0 of 4 (0 %)"
    assert lines[-1] == "ready 4 of 4 (100 %)"
    shares = [int(line.partition("(")[2].partition(" %")[0]) for line in lines]
    assert shares == sorted(shares)
    told = json.loads((folder / "progress.json").read_text())
    assert (told["state"], told["done"], told["total"], told["percent"]) == ("ready", 4, 4, 100)
    assert len(list(folder.glob("*.bin"))) == 4


def test_a_second_run_compiles_nothing(folder: Path) -> None:
    run(GOOD)
    made = {path: path.stat().st_mtime_ns for path in folder.glob("*.bin")}
    assert run(GOOD) == (0, ["ready 4 of 4 (100 %)"])
    assert made == {path: path.stat().st_mtime_ns for path in folder.glob("*.bin")}


def test_what_is_there_counts_and_only_the_rest_is_compiled(folder: Path) -> None:
    run("one,apart")
    _, lines = run(GOOD, "--jobs", "1")
    assert lines[0].startswith("preparing 2 of 4")
    assert lines[-1] == "ready 4 of 4 (100 %)"


def test_two_at_once_share_the_work(folder: Path) -> None:
    first, second = started(GOOD, "--jobs", "1"), started(GOOD, "--jobs", "1")
    said = [process.communicate(timeout=300)[0].splitlines() for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert [lines[-1] for lines in said] == ["ready 4 of 4 (100 %)"] * 2
    assert len(list(folder.glob("*.bin"))) == 4
    assert not list(folder.glob(".*.bin.*")), "nothing half-written is left"


def test_a_kernel_that_cannot_be_compiled_is_named(folder: Path) -> None:
    code, lines = run("one,broken")
    assert code == 1
    assert lines[-1].startswith("failed ")
    assert "__main__.broken: TypingError" in lines[-1]


def test_nothing_can_be_kept_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    code, lines = run(GOOD)
    assert code == 1
    assert str(tmp_path / "file") in lines[-1]


def processes(mark: str) -> list[int]:
    """Processes whose command line or environment holds the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_text(errors="replace"):
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


@pytest.mark.parametrize("ending", ["its input closes", "it is killed"])
def test_stopped_half_way_it_keeps_what_it_has_and_leaves_nobody_behind(folder: Path, ending: str) -> None:
    process = started(GOOD, "--jobs", "2", "--until-eof")
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "preparing 0 of 4 (0 %)\n"
    if ending == "it is killed":
        process.send_signal(signal.SIGKILL)
    else:
        process.stdin.close()
    process.wait(timeout=60)
    deadline = time.monotonic() + 120
    while processes(str(folder.parent)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes(str(folder.parent)) == []
    process.stdout.close()
    _, lines = run(GOOD)
    assert lines[-1] == "ready 4 of 4 (100 %)"


def test_old_word_is_not_taken_for_new(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept.progress() is None
    kept.report(Progress("preparing", 3, 4, 70))
    told = kept.progress()
    assert told is not None
    assert told.line() == "preparing 3 of 4 (70 %)"
    monkeypatch.setattr(kept, "_sources", lambda: "others")
    assert kept.progress() is None


def test_code_of_other_sources_goes_after_a_week(folder: Path) -> None:
    run("one,apart")
    old, young = folder / "gone-1.bin", folder / "gone-2.bin"
    for path in (old, young):
        path.write_bytes(b"")
    week = time.time() - prepare.FORGET_SECONDS - 1
    for path in [old, *folder.glob("*.one-*.bin")]:
        os.utime(path, (week, week))
    run("one,apart")
    assert not old.exists()
    assert young.exists()
    assert len(list(folder.glob("*.one-*.bin"))) == 1, "what is in use stays, however old"


def test_a_prepared_solver_needs_no_other_process(prepared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", nobody)
    assert prepare.missing() == []
    for name in registry.names():
        registry.get(name).warm()


def test_all_that_the_engine_compiles_is_prepared() -> None:
    """Asked in a fresh process: strategies are told of without what they compile being imported."""
    script = """
import json, pkgutil
from importlib import import_module
from apps.experiments.engine import prepare
known = sorted(kernel.name for kernel in prepare.kernels())
import apps.experiments.engine as engine
for module in pkgutil.walk_packages(engine.__path__, "apps.experiments.engine."):
    import_module(module.name)
from apps.experiments.engine.compiled import KERNELS
print(json.dumps([known, sorted(kernel.name for kernel in KERNELS)]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    known, there_are = json.loads(done.stdout)
    assert known == there_are
    assert len(known) > 100
