"""The supervisor behind `make run`: starts, restarts, gives up, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from apps.lab.supervisor import GaveUp, Service, Supervisor
from tests.patience import until

ROOT = Path(__file__).resolve().parents[3]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def _service(tmp_path: Path, command: list[str] = SLEEPER) -> Service:
    return Service("The sleeper", command, tmp_path / "logs" / "sleeper.log")


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_service_that_is_killed_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    service = _service(tmp_path)
    supervisor = Supervisor([service], say=said.append)
    supervisor.start()
    try:
        assert service.process is not None
        first = service.process.pid
        os.kill(first, signal.SIGKILL)

        def is_another() -> bool:
            return service.is_alive and service.process is not None and service.process.pid != first

        assert supervisor.watch(until=is_another, poll_seconds=0.02)
        assert said == ["The sleeper stopped; starting it again."]
    finally:
        supervisor.stop()


def test_a_service_that_keeps_dying_is_given_up_with_its_log_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.lab.supervisor._QUICK_DEATHS_ALLOWED", 2)
    service = _service(tmp_path, [sys.executable, "-c", "print('no such luck'); raise SystemExit(1)"])
    supervisor = Supervisor([service], say=lambda _: None)
    supervisor.start()
    with pytest.raises(GaveUp, match=r"sleeper\.log"):
        supervisor.watch(poll_seconds=0.02)
    supervisor.stop()
    assert "no such luck" in service.log_path.read_text()


def test_stopping_leaves_no_process_even_when_one_ignores_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.lab.supervisor.GRACE_SECONDS", 0.3)
    stubborn = (
        "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    )
    service = _service(tmp_path, [sys.executable, "-c", stubborn])
    supervisor = Supervisor([service], say=lambda _: None)
    supervisor.start()
    supervisor.watch(
        until=lambda: service.log_path.exists() and "ready" in service.log_path.read_text(), poll_seconds=0.02
    )
    assert service.process is not None
    pid = service.process.pid
    supervisor.stop()
    until(lambda: _gone(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_a_supervisor_that_is_killed_takes_its_services_along(tmp_path: Path) -> None:
    script = (
        "import sys,time; from pathlib import Path; from apps.lab.supervisor import Service, Supervisor\n"
        f"s = Service('x', [sys.executable, '-c', 'import time; time.sleep(600)'], Path({str(tmp_path)!r}) / 'x.log')\n"
        "s.start(); print(s.process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until(lambda: _gone(child))
