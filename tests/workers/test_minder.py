"""A minder ends what it minds when told to, when its worker is gone, and when the lease has run out."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from apps.core.engine.processes import RestartPolicy
from tests.patience import PATIENCE
from tests.workers.fleet import alive, until
from workers import hardware, keeper, minder, probing
from workers.minder import Output, now
from workers.minding import CannotStart, Minded

SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('awake', flush=True); time.sleep(600)",
]


def minded(tmp_path: Path, command: list[str], *, lease: float = 600.0) -> Minded:
    return Minded(command, environment={}, log=tmp_path / "logs" / "one.log", lease_until=now() + lease)


def ended(one: Minded) -> dict[str, object]:
    said = one.hear(PATIENCE)
    one.close()
    assert said is not None
    return said


def awake(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "one.log"
    until(lambda: log.exists() and "awake" in log.read_text())


def test_a_process_ends_when_its_lease_does_unless_it_is_extended(tmp_path: Path) -> None:
    kept, lost = minded(tmp_path, SLEEPER, lease=2.0), minded(tmp_path, SLEEPER, lease=2.0)
    kept.extend(now() + 600)
    said = ended(lost)
    assert (said["event"], said["lease"]) == ("ended", True)
    assert alive(psutil.Process(kept.pid))
    kept.stop(grace=30)
    assert ended(kept)["status"] == -signal.SIGTERM


def test_one_that_ignores_the_request_is_killed_after_its_grace(tmp_path: Path) -> None:
    one = minded(tmp_path, STUBBORN)
    awake(tmp_path)
    one.stop(grace=0.2)
    said = ended(one)
    assert (said["lease"], said["tail"]) == (False, "awake\n")
    until(lambda: not psutil.pid_exists(one.pid) or not alive(psutil.Process(one.pid)))


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no such"):
        minded(tmp_path, ["/no such/program"])


def test_a_worker_that_is_killed_takes_its_service_along(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from workers.minder import now; from workers.minding import Minded\n"
        f"one = Minded({STUBBORN!r}, environment={{}}, log=Path({str(tmp_path)!r}) / 'one.log', lease_until=now() + 600)\n"
        "print(one.pid, flush=True); time.sleep(600)"
    )
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=minder_root())
    assert worker.stdout is not None
    process = psutil.Process(int(worker.stdout.readline()))
    worker.kill()
    worker.wait()
    until(lambda: not alive(process))


def minder_root() -> Path:
    return Path(minder.__file__).resolve().parents[1]


def test_the_last_words_come_through_though_the_minder_left_something_unread(tmp_path: Path) -> None:
    one = minded(tmp_path, [sys.executable, "-c", "print('farewell')"])
    until(lambda: one._minder.poll() is not None)
    one.extend(now() + 600)
    assert ended(one)["tail"] == "farewell\n"


def test_a_log_is_put_aside_when_it_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minder, "LOG_BYTES", 100)
    output = Output(tmp_path / "one.log")
    for number in range(40):
        output.take(b"line %04d\n" % number)
    assert sorted(os.listdir(tmp_path)) == ["one.1.log", "one.log"]
    assert all((tmp_path / name).stat().st_size <= 110 for name in os.listdir(tmp_path))
    assert output.tail.endswith(b"line 0039\n")


def test_a_full_disk_does_not_end_what_serves(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    output = Output(tmp_path / "logs" / "one.log")
    output.take(b"still here")
    assert output.tail == b"still here"


def test_a_probe_tells_an_answer_from_silence(tmp_path: Path) -> None:
    port = probing.free_port("127.0.0.1")
    there = probing.Target("127.0.0.1", port)
    assert probing.trouble(there, "", secret="", timeout=1.0).startswith("nobody answers")
    with socket.create_server(("127.0.0.1", port)):
        assert probing.trouble(there, "", secret="", timeout=PATIENCE) == ""


def test_where_services_listen_is_set_or_found(settings: pytest.FixtureRequest) -> None:
    config = settings.CONFIG  # type: ignore[attr-defined]
    settings.CONFIG = config.model_copy(update={"service_host": "10.1.2.3", "service_memory_mb": 700})  # type: ignore[attr-defined]
    assert keeper.address_here() == "10.1.2.3"
    assert keeper.room_here(hardware.Meter()).memory_mb == 700
    settings.CONFIG = config.model_copy(update={"service_host": "auto"})  # type: ignore[attr-defined]
    assert keeper.address_here() == socket.gethostbyname(socket.gethostname())
    assert 0 < keeper.room_here(hardware.Meter()).memory_mb < psutil.virtual_memory().total / 1024**2


def test_pauses_double_up_to_the_longest() -> None:
    policy = RestartPolicy(limit=8, longest_seconds=10)
    pauses, deaths = [], 0
    while True:
        deaths, pause = policy.after(deaths, 1.0)
        pauses.append(pause)
        if pause is None:
            break
    assert json.dumps(pauses) == "[0.0, 1.0, 3.0, 7.0, 10, 10, 10, null]"
    assert policy.after(7, 31.0) == (0, 0.0)
