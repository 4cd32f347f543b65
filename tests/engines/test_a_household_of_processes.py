"""The processes of `make run`: started, restarted, given up, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from apps.core.engine.household import GaveUp, Household, Kept
from apps.core.engine.processes import RestartPolicy
from tests.patience import until

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def _kept(tmp_path: Path, command: list[str] = SLEEPER) -> Kept:
    return Kept("The sleeper", command, tmp_path / "logs" / "sleeper.log")


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    kept = _kept(tmp_path)
    household = Household([kept], say=said.append, grace_seconds=30)
    household.start()
    try:
        assert kept.leader is not None
        first = kept.leader.pid
        os.kill(first, signal.SIGKILL)

        def is_another() -> bool:
            return kept.is_alive and kept.leader is not None and kept.leader.pid != first

        assert household.watch(until=is_another, poll_seconds=0.02)
        assert said == ["The sleeper stopped; starting it again."]
    finally:
        household.stop()


def test_a_process_that_keeps_dying_is_given_up_with_its_log_named(tmp_path: Path) -> None:
    kept = _kept(tmp_path, [sys.executable, "-c", "print('no such luck'); raise SystemExit(1)"])
    household = Household([kept], say=lambda _: None, grace_seconds=30, policy=RestartPolicy(limit=2))
    household.start()
    with pytest.raises(GaveUp, match=r"sleeper\.log"):
        household.watch(poll_seconds=0.02)
    household.stop()
    assert "no such luck" in kept.log_path.read_text()


def test_stopping_leaves_no_process_even_when_one_ignores_the_request(tmp_path: Path) -> None:
    stubborn = (
        "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    )
    kept = _kept(tmp_path, [sys.executable, "-c", stubborn])
    household = Household([kept], say=lambda _: None, grace_seconds=0.3)
    household.start()
    household.watch(until=lambda: kept.log_path.exists() and "ready" in kept.log_path.read_text(), poll_seconds=0.02)
    assert kept.leader is not None
    pid = kept.leader.pid
    household.stop()
    until(lambda: _gone(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_whoever_keeps_processes_and_is_killed_takes_them_along(tmp_path: Path) -> None:
    script = (
        "import sys,time; from pathlib import Path; from apps.core.engine.household import Kept\n"
        f"s = Kept('x', [sys.executable, '-c', 'import time; time.sleep(600)'], Path({str(tmp_path)!r}) / 'x.log')\n"
        "s.start(); print(s.leader.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until(lambda: _gone(child))
