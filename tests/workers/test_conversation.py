"""Listening to a real child: nothing is lost, nothing it writes harms, and whatever happens it ends with its execution."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import psutil
import pytest

from apps.core.jobs.reports import Log
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job
from tests.patience import PATIENCE
from tests.workers.fleet import until
from workers.conversation import Conversation
from workers.execution import Execution
from workers.forkserver import Child, ForkServerClient
from workers.runners import ChildTask, Runner

ENTRIES = "tests.workers.entries"


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServerClient]:
    """A fork server as workers have it."""
    client = ForkServerClient()
    client.start()
    yield client
    client.stop()


def launch(server: ForkServerClient, entry: str, **arguments: Any) -> Child:
    return server.launch(ChildTask(f"{ENTRIES}:{entry}", arguments), memory_mb=0, environment={})


def waiting_in(descriptor: int) -> int:
    """How many bytes nobody has read."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4), sys.byteorder)


class Listener:
    """Holds a conversation in a thread of its own."""

    def __init__(self, server: ForkServerClient, child: Child) -> None:
        self.heard: list[Mapping[str, Any]] = []
        self.full = False
        self._server, self._child = server, child
        self.conversation = Conversation(
            child,
            hear=self.heard.append,
            lines=lambda lines: None,
            is_full=lambda: self.full,
            is_over=lambda: False,
            kill=lambda: server.kill(child),
        )
        self._thread = threading.Thread(target=self.conversation.hold, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.conversation.end()
        self._server.collect(self._child, seconds=5)


def test_a_child_waits_while_too_much_waits_to_be_written(server: ForkServerClient) -> None:
    """It says far more than a pipe holds; while the reader is full the child comes no further than the pipe."""
    child = launch(server, "count", reports=20_000)
    listener = Listener(server, child)
    listener.full = True
    listener.start()
    until(lambda: waiting_in(child.report) > 60_000)
    assert listener.heard == []
    assert not child.has_exited()
    listener.full = False
    listener.conversation.go_on()
    listener.end()
    assert [frame["payload"]["step"] for frame in listener.heard] == list(range(20_000))
    assert listener.conversation.outcome == {"type": "result", "result": {"reports": 20_000}}


@pytest.mark.parametrize(
    ("how", "what"), [("deep", "nested"), ("abyss", "nested"), ("long", "bytes"), ("noise", ""), ("list", "no object")]
)
def test_what_is_no_frame_ends_the_child_and_says_what_it_was(server: ForkServerClient, how: str, what: str) -> None:
    child = launch(server, "scrawl", how=how)
    listener = Listener(server, child)
    listener.start()
    listener.end()
    assert listener.conversation.outcome is None
    assert what in listener.conversation.broken
    assert listener.conversation.broken
    assert not psutil.pid_exists(child.pid) or psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE


# --- whatever happens -----------------------------------------------------------------------------------------------


def test_a_worker_that_stumbles_over_what_it_hears_ends_the_child_before_it_frees_the_slot(
    server: ForkServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(report: Any) -> None:
        raise RuntimeError("over my own feet")

    verdict, process = run(server, "nap", {"seconds": 120}, monkeypatch, say=stumble)
    assert (verdict.outcome, verdict.error_code, verdict.retryable) == ("failed", "RuntimeError", True)
    assert "over my own feet" in verdict.error_message
    assert process is None or not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def run(
    server: ForkServerClient, entry: str, payload: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, say: Any
) -> tuple[Verdict, psutil.Process | None]:
    """An execution to its end, and the process it had."""
    ended: list[tuple[Verdict | None, psutil.Process | None]] = []
    done = threading.Event()
    processes: list[psutil.Process] = []
    launched = server.launch

    def note(*args: Any, **options: Any) -> Child:
        child = launched(*args, **options)
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended already
            processes.append(psutil.Process(child.pid))
        return child

    def end(execution: Execution, verdict: Verdict | None) -> None:
        ended.append((verdict, processes[0] if processes else None))
        done.set()

    monkeypatch.setattr(server, "launch", note)
    runner = Runner("nap", prepare=lambda job: ChildTask(f"{ENTRIES}:{entry}", payload))
    execution = Execution(Job(job_id="job_1", kind="nap", attempt=1), runner=runner, server=server, ended=end)
    monkeypatch.setattr(execution.words, "say", say)
    execution.start()
    assert done.wait(PATIENCE)
    verdict, process = ended[0]
    assert verdict is not None
    return verdict, process


def test_an_execution_of_work_that_ends_well_ends_well(
    server: ForkServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    verdict, _ = run(server, "nap", {}, monkeypatch, say=said.append)
    assert verdict.outcome == "completed"
    assert isinstance(said[0], Log)
