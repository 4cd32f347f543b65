"""Real workers keep real services: how one runs, how it ends, and what survives whom."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.patience import PATIENCE
from tests.workers.fleet import Fleet, WorkerProcess, alive, until
from tests.workers.handle import Handle
from tests.workers.test_worker import processes_marked


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database, a broker, and no worker yet."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


@pytest.fixture
def worker(fleet: Fleet) -> WorkerProcess:
    """A worker for those tests that do it no harm, shared between them."""
    for running in fleet.workers:
        if running.process.poll() is None:
            return running
    return fleet.worker()


@pytest.fixture
def echo(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes services with the test's name as their key; they are no longer wanted after it."""
    made: list[Handle] = []

    def make(kind: str = "echo", **said: Any) -> Handle:
        made.append(Handle(fleet, kind, f"{request.node.name}-{len(made)}"[-100:], said))
        return made[-1]

    yield make
    for one in made:
        one.do("unwant")


# --- how it runs ----------------------------------------------------------------------------------------------------


def test_a_service_starts_when_it_is_wanted_and_ends_when_it_is_not(
    fleet: Fleet, worker: WorkerProcess, echo: Any
) -> None:
    service = echo(word="hello")
    row = service.once("ready")
    found = service.get()
    assert (found["pid"], found["SERVICE_ID"], found["said"]) == (row["pid"], service.id, {"word": "hello"})
    assert (found["OMP_NUM_THREADS"], found["CUDA_VISIBLE_DEVICES"]) == ("1", "")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(row["address"]["url"], timeout=PATIENCE)
    service.want()
    process = psutil.Process(row["pid"])
    service.do("unwant")
    row = service.once("stopped")
    assert not alive(process)
    assert [state for state, _ in row["changes"]] == ["pending", "starting", "ready", "stopping", "stopped"]
    assert (row["address"], row["keeper"], row["error_code"]) == (None, "", "")
    assert "in the mood" in (fleet.folder / "logs" / "services" / f"{service.id}.log").read_text()


def test_one_that_was_stopped_starts_again_when_it_is_wanted_again(worker: WorkerProcess, echo: Any) -> None:
    service = echo()
    first = service.once("ready")
    service.do("unwant")
    service.once("stopped")
    service.want()
    assert service.once("ready")["token"] == first["token"] + 1


def test_another_specification_and_a_restart_replace_the_process(worker: WorkerProcess, echo: Any) -> None:
    service = echo(word="one")
    first = service.once("ready")
    service.want({"word": "two"})
    second = service.once("ready", after=first["token"])
    assert service.get()["said"] == {"word": "two"}
    service.do("restart")
    third = service.once("ready", after=second["token"])
    assert len({first["pid"], second["pid"], third["pid"]}) == 3
    assert (third["restarts"], third["deaths"]) == (0, 0), "nothing was wrong with it"


def test_what_nobody_uses_is_stopped_until_it_is_wanted(worker: WorkerProcess, echo: Any) -> None:
    service = echo("idler")
    row = service.once("stopped", after=0)
    assert (row["wanted"], row["changes"][-2:]) == (False, [["stopping", "idle"], ["stopped", "idle"]])
    service.want()
    service.once("ready", after=row["token"])


def test_a_service_may_listen_on_a_socket_or_on_nothing(worker: WorkerProcess, echo: Any) -> None:
    piped, mute = echo("piped"), echo("mute", mood="silent")
    row = piped.once("ready")
    client = http.client.HTTPConnection("localhost")
    client.sock = socket.socket(socket.AF_UNIX)
    client.sock.connect(row["address"]["socket"])
    client.request("GET", "/", headers=row["address"]["headers"])
    assert json.load(client.getresponse())["pid"] == row["pid"]
    client.close()
    assert mute.once("ready")["address"]["url"] == ""


# --- how it ends ----------------------------------------------------------------------------------------------------


def test_a_killed_service_is_started_again(worker: WorkerProcess, echo: Any) -> None:
    service = echo()
    first = service.once("ready")
    psutil.Process(first["pid"]).kill()
    second = service.once("ready", after=first["token"])
    assert (second["restarts"], second["deaths"], second["error_code"]) == (1, 1, "killed")
    assert ["pending", "It was killed by SIGKILL."] in second["changes"]


def test_one_that_ends_by_itself_leaves_its_last_words(worker: WorkerProcess, echo: Any) -> None:
    service = echo()
    first = service.once("ready")
    with pytest.raises((OSError, http.client.HTTPException)):
        service.get("/die")
    second = service.once("ready", after=first["token"])
    assert (second["error_code"], second["error_message"]) == ("exited", "It ended by itself with status 3.")
    assert "what a world" in second["last_words"]


@pytest.mark.parametrize(
    ("kind", "mood", "code", "words"),
    [
        ("echo", "broken", "exited", "no such colour"),
        ("echo", "absent", "cannot_start", ""),
        ("slow", "silent", "not_ready", "an echo"),
        ("bounded", "hungry", "out_of_memory", "an echo"),
    ],
)
def test_one_that_cannot_run_is_given_up_with_the_reason(
    worker: WorkerProcess, echo: Any, kind: str, mood: str, code: str, words: str
) -> None:
    service = echo(kind, mood=mood)
    row = service.once("failed")
    assert (row["error_code"], row["deaths"], row["token"]) == (code, 3, 3)
    assert row["error_message"].startswith("It ended 3 times soon after it was started")
    assert words in row["last_words"]
    service.do("restart")
    assert service.once("failed", after=3)["token"] == 6


def test_one_that_stops_answering_is_replaced(worker: WorkerProcess, echo: Any) -> None:
    service = echo()
    first = service.once("ready")
    service.get("/deaf")
    second = service.once("ready", after=first["token"])
    assert (second["error_code"], second["error_message"]) == (
        "unresponsive",
        "It stopped answering: it answers 503 at /health.",
    )


def test_everything_a_service_started_ends_with_it_whether_it_wants_to_or_not(worker: WorkerProcess, echo: Any) -> None:
    service = echo("stubborn", mood="stubborn", mark="leftover-s1")
    process = psutil.Process(service.once("ready")["pid"])
    assert len(processes_marked("leftover-s1")) == 2
    service.do("unwant")
    service.once("stopped")
    assert not alive(process)
    assert processes_marked("leftover-s1") == []


def test_a_killed_minder_leaves_nothing_and_is_replaced(worker: WorkerProcess, echo: Any) -> None:
    service = echo(mark="leftover-s2")
    first = service.once("ready")
    process = psutil.Process(first["pid"])
    minder = process.parent()
    assert minder is not None
    assert "workers.minder" in minder.cmdline()
    minder.kill()
    second = service.once("ready", after=first["token"])
    assert second["error_code"] == "minder_lost"
    assert not alive(process)
    assert len(processes_marked("leftover-s2")) == 2, "those of the new one"
    until(lambda: all(alive(one) for one in worker.family()))  # no zombies either


# --- what survives whom ---------------------------------------------------------------------------------------------


def test_two_workers_never_run_a_service_twice(fleet: Fleet, worker: WorkerProcess, echo: Any) -> None:
    fleet.worker()
    services = [echo(mark=f"double-{number}") for number in range(4)]
    for number, service in enumerate(services):
        row = service.once("ready")
        assert row["token"] == 1
        assert len(processes_marked(f"double-{number}")) == 2, "what one of them starts"


def test_a_worker_told_to_stop_hands_its_services_over(fleet: Fleet, echo: Any) -> None:
    fleet.end_workers()
    first = fleet.worker()
    service = echo()
    row = service.once("ready")
    process = psutil.Process(row["pid"])
    assert row["keeper"] == first.name
    second = fleet.worker()
    first.signal(signal.SIGTERM)
    first.process.wait(timeout=PATIENCE)
    assert not alive(process)
    row = service.once("ready", after=row["token"])
    assert (row["keeper"], row["restarts"]) == (second.name, 0)
    assert ["pending", "its worker stops"] in row["changes"]


def test_a_killed_worker_leaves_no_process_and_its_service_to_another(fleet: Fleet, echo: Any) -> None:
    fleet.end_workers()
    first = fleet.worker()
    service = echo(mood="stubborn", mark="leftover-s3")
    row = service.once("ready")
    family = first.family()
    second = fleet.worker()
    first.signal(signal.SIGKILL)
    until(lambda: not any(alive(process) for process in family) and not processes_marked("leftover-s3"))
    assert service.row["token"] == row["token"], "nobody takes it before its lease has run out"
    later = service.once("ready", after=row["token"])
    assert (later["keeper"], later["deaths"]) == (second.name, 0)
    assert ["pending", f"worker {row['keeper']} fell silent"] in later["changes"]
    assert len(processes_marked("leftover-s3")) == 2


def test_a_service_does_not_outlive_the_lease_of_a_worker_that_was_stopped(fleet: Fleet, echo: Any) -> None:
    fleet.end_workers()
    first = fleet.worker()
    service = echo()
    row = service.once("ready")
    process = psutil.Process(row["pid"])
    first.signal(signal.SIGSTOP)
    second = fleet.worker()
    later = service.once("ready", after=row["token"])
    assert not alive(process), "its minder ended it before another was started"
    assert later["keeper"] == second.name
    first.signal(signal.SIGCONT)
    until(lambda: "fenced" in first.log.read_text())
    now = service.row
    assert (now["token"], now["status"], now["pid"]) == (later["token"], "ready", later["pid"])
