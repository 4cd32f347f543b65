"""The fork server: a small, warm, thread-free process without Django that forks one child for each job.

    python -m workers.children --control FD     (started by `workers.forkserver`)

A fork of a process that has numpy and the solvers loaded takes milliseconds, and what crashes in the child takes
nothing else along. The child leads its own session, dies with this process (PR_SET_PDEATHSIG), and this process
kills every child when its worker's end of the control socket closes. So no way of dying leaves an orphan.

Control messages are JSON datagrams. In: `launch` (with four descriptors: the task, and the pipes for reports, for
output and for what is asked of the work), `warm`, `kill`. Out: `ready`, `loaded`, `warmed`, `launched`, `exited`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Any

from apps.core.engine.processes import (
    PR_SET_PDEATHSIG,
    become_subreaper,
    children_of,
    die_with,
    kill_descendants,
    kill_group,
    libc,
)
from workers import inside


class ForkServer:
    """Forks, watches and reaps children; knows nothing of jobs."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}
        self._warm: set[str] = set()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the worker goes away; then take every child along."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGCONT)  # even when stopped: go on, and find the socket closed
        become_subreaper()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._say({"event": "ready", "pid": os.getpid()})
        while True:
            control = self._control.fileno()
            readable, _, _ = select.select([control, self._wake_read], [], [], 5.0)
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
            self._reap()
            if control in readable and not self._serve():
                break
        self._kill_everything()

    def _say(self, message: dict[str, Any]) -> None:
        try:
            self._control.send(json.dumps(message).encode())
        except OSError:
            self._kill_everything()
            os._exit(1)

    def _serve(self) -> bool:
        """One message; False when there will be no more."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 65536, 4)
        except OSError:
            return False
        if not data:
            return False
        message = json.loads(data)
        match message["op"]:
            case "launch":
                self._launch(message, descriptors)
            case "warm":
                self._say({"event": "warmed", "errors": self._heat(message["names"])})
            case "kill":
                self._kill(message["id"])
        return True

    def _heat(self, names: list[str]) -> dict[str, str]:
        """Import modules, call `module:function`s, once each. What fails is the job's own problem later."""
        errors = {}
        for count, name in enumerate(names):
            self._say({"event": "loaded", "count": count})
            if name in self._warm:
                continue
            self._warm.add(name)
            try:
                if ":" in name:
                    inside.resolve(name)()
                else:
                    import_module(name)
            except Exception as error:
                errors[name] = f"{type(error).__name__}: {error}"
        threads = len(os.listdir("/proc/self/task"))
        if threads > 1:
            errors["threads"] = f"{threads} threads run in the fork server after warming {', '.join(names)}"
        gc.collect()
        gc.freeze()
        return errors

    def _launch(self, message: dict[str, Any], descriptors: list[int]) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._say({"event": "launched", "id": message["id"], "pid": 0, "error": str(error)})
            pid = -1
        if pid == 0:
            try:
                self._become_child(message, descriptors, parent)
            finally:
                os._exit(70)
        for descriptor in descriptors:
            os.close(descriptor)
        if pid > 0:
            self._children[pid] = message["id"]
            self._say({"event": "launched", "id": message["id"], "pid": pid})

    def _become_child(self, message: dict[str, Any], descriptors: list[int], parent: int) -> None:
        os.setsid()
        die_with(parent, signal.SIGKILL)
        become_subreaper()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        task_fd, report_fd, output_fd, asks_fd = descriptors
        self._control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        os.close(output_fd)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.environ.update(message["environment"])
        if message["fresh"]:
            for descriptor in (task_fd, report_fd, asks_fd):
                os.set_inheritable(descriptor, True)
            numbers = f"{task_fd},{report_fd},{asks_fd},{message['memory_mb']}"
            fresh = ["-m", "workers.children", "--perform", numbers]
            os.execve(  # noqa: S606 - our own interpreter
                sys.executable, [sys.executable, *fresh], {**os.environ, "PYTHONUNBUFFERED": "1"}
            )
        inside.be_child(task_fd, report_fd, asks_fd, message["memory_mb"])

    def _kill(self, number: int) -> None:
        for pid, known in self._children.items():
            if known == number:
                kill_group(pid)

    def _reap(self) -> None:
        """Collect who has ended; what a child left behind goes with it."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            if pid in self._children:
                kill_group(pid)  # its number stays reserved until it is collected, so this hits nobody else
            _, status, used = os.wait4(pid, 0)
            self._kill_strangers()
            number = self._children.pop(pid, None)
            if number is not None:
                self._say(
                    {
                        "event": "exited",
                        "id": number,
                        "status": status,
                        "cpu_seconds": used.ru_utime + used.ru_stime,
                        "peak_memory_mb": used.ru_maxrss / 1024,
                    }
                )

    def _kill_strangers(self) -> None:
        """Processes a job started and did not end: they fell to us when it died."""
        for pid in children_of(os.getpid()):
            if pid not in self._children:
                kill_group(pid, group=False)

    def _kill_everything(self) -> None:
        for pid in self._children:
            kill_group(pid)
        kill_descendants()


def main(arguments: list[str] | None = None) -> None:
    """Be the fork server, or a child that wanted an interpreter of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control", type=int)
    parser.add_argument("--perform")
    options = parser.parse_args(arguments)
    if options.perform:
        inside.be_child(*(int(part) for part in options.perform.split(",")))
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=options.control)
    ForkServer(control).run()


if __name__ == "__main__":
    main()
