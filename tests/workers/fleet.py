"""Real worker processes on a database and a broker of their own, for tests that kill them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def until(check: Callable[[], T], *, seconds: float = PATIENCE, every: float = 0.05) -> T:
    """Wait until `check()` is true and return it; an assertion error when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s (last: {found!r})")
        time.sleep(every)


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class WorkerProcess:
    """A worker, its fork server and whatever runs below."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    @property
    def pid(self) -> int:
        """The Celery process."""
        return self.process.pid

    @property
    def name(self) -> str:
        """The name the worker took, once it has."""
        found = until(lambda: re.search(r"terrarium\.workers  worker (\S+): ", self.log.read_text()))
        assert found is not None
        return found.group(1)

    def fork_servers(self) -> list[psutil.Process]:
        """The fork servers below it now."""
        below = psutil.Process(self.pid).children()
        return [one for one in below if alive(one) and "workers.children" in " ".join(one.cmdline())]

    def children(self) -> list[psutil.Process]:
        """The processes that run jobs now."""
        return [child for server in self.fork_servers() for child in server.children()]

    def child(self) -> psutil.Process:
        """A process that runs a job, once there is one."""
        return until(lambda: next(iter(self.children()), None))  # type: ignore[return-value]

    def family(self) -> list[psutil.Process]:
        """Every process below it now."""
        return psutil.Process(self.pid).children(recursive=True)

    def signal(self, number: int) -> None:
        """Send a signal to the Celery process alone."""
        os.kill(self.pid, number)

    def ask_to_end(self) -> None:
        """Ask it to end if it lives."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait for its end; by force if need be."""
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Fleet:
    """Workers that share a database, a broker and a folder, and a process to ask about them."""

    def __init__(self, folder: Path, *, lease: float = 6.0) -> None:
        self.folder, self.lease = folder, lease
        folder.mkdir(parents=True, exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TERRARIUM_")}
        self.environment = {
            **kept,
            "TERRARIUM_STORAGE_ROOT": str(folder),
            "TERRARIUM_LEASE_SECONDS": str(lease),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        self._database = os.environ.get("DATABASE_URL", "")
        self._own_database = ""
        if self._database.startswith("postgres"):
            self._own_database = f"terrarium_fleet_{os.getpid()}"
            self._administer(f'DROP DATABASE IF EXISTS "{self._own_database}" WITH (FORCE)')
            self._administer(f'CREATE DATABASE "{self._own_database}"')
            parts = urlsplit(self._database)
            self.environment["DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{self._own_database}"))
        else:
            self.environment.pop("DATABASE_URL", None)
        self._run("manage.py", "migrate", "--verbosity", "0", "--skip-checks")
        self._remote = subprocess.Popen(
            [sys.executable, "-m", "tests.workers.remote"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.workers: list[WorkerProcess] = []

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._database, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=self.environment, check=True)

    def worker(
        self,
        *,
        queues: str = "cpu",
        concurrency: int = 2,
        host: str = "",
        environment: dict[str, str] | None = None,
        program: tuple[str, ...] = ("-m", "tests.workers.chores"),
    ) -> WorkerProcess:
        """Start a worker (of chores, unless another program is named); returns when it is written down."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, *program, "--queues", queues),
                    *("--concurrency", str(concurrency), "--host", host),
                ],
                cwd=ROOT,
                env={**self.environment, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = WorkerProcess(process, log)
        self.workers.append(started)
        until(lambda: started.name in self.ask("workers"))
        return started

    def ask(self, do: str, **arguments: Any) -> Any:
        """Have the remote process do something."""
        assert self._remote.stdin is not None
        assert self._remote.stdout is not None
        self._remote.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._remote.stdin.flush()
        answer = json.loads(self._remote.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["ok"]

    def enqueue(self, kind: str, payload: dict[str, Any] | None = None, **options: Any) -> str:
        """The id of one new job."""
        return str(self.ask("enqueue", kind=kind, payload=payload or {}, **options)[0])

    def status(self, job_id: str) -> str:
        """Where a job stands."""
        return str(self.ask("statuses", job_ids=[job_id])[0])

    def wait_for(self, job_id: str, status: str, *, seconds: float = PATIENCE) -> dict[str, Any]:
        """The job, once it has that status."""
        until(lambda: self.status(job_id) == status, seconds=seconds)
        return self.ask("job", job_id=job_id)  # type: ignore[no-any-return]

    def result(self, job_id: str, *, seconds: float = PATIENCE) -> dict[str, Any]:
        """What a job returned, once it has completed."""
        job = self.wait_for(job_id, "completed", seconds=seconds)
        [result] = [event["payload"]["result"] for event in job["events"] if event["type"] == "result"]
        return result  # type: ignore[no-any-return]

    def end_workers(self) -> None:
        """End every worker."""
        for worker in self.workers:
            worker.ask_to_end()
        for worker in self.workers:
            worker.wait()

    def close(self) -> None:
        """End everything."""
        self.end_workers()
        assert self._remote.stdin is not None
        self._remote.stdin.close()
        self._remote.wait(timeout=10)
        if self._own_database:
            self._administer(f'DROP DATABASE IF EXISTS "{self._own_database}" WITH (FORCE)')
