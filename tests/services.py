"""PostgreSQL and Redis for tests: private ones started from installed programs, else ones that answer already."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from tests.patience import PATIENCE

START_SECONDS = 2 * PATIENCE


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_bin() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(glob("/usr/lib/postgresql/*/bin/initdb"))
    return Path(versions[-1]).parent if versions else None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


class PrivatePostgres:
    """A throw-away PostgreSQL cluster in a temporary folder, which can be stopped hard and started again."""

    def __init__(self) -> None:
        binaries = _postgres_bin()
        if binaries is None:
            raise FileNotFoundError("PostgreSQL is not installed")
        self._bin = binaries
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as and not _has_user("postgres"):
            raise FileNotFoundError("PostgreSQL does not run as root and there is no user named postgres")
        self.folder = Path(tempfile.mkdtemp(prefix="terrarium-pg-"))
        if self._as:
            shutil.chown(self.folder, "postgres")
        self.port = free_port()
        self.url = f"postgresql://terrarium@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "terrarium", "-A", "trust", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._bin / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, timeout=START_SECONDS)

    def start(self) -> None:
        """Start and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c fsync=off -c max_connections=200"
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w", "-t", str(int(START_SECONDS)),
            "-o", options, "start",
        )  # fmt: skip

    def stop(self, *, mode: str = "immediate") -> None:
        """Stop at once (`immediate`: as if killed) or `fast`."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop and delete."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class PrivateRedis:
    """A throw-away Redis on a free port that keeps nothing."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("Redis is not installed")
        self._program = program
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise TimeoutError("Redis did not start")

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def backends() -> Iterator[tuple[str, str]]:
    """Yield (DATABASE_URL, REDIS_URL) to test with; raises FileNotFoundError where neither programs nor servers are to be had.

    TEST_DATABASE_URL and TEST_REDIS_URL name servers to use instead of private ones.
    """
    given = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if given[0] and given[1]:
        yield given[0], given[1]
        return
    with contextlib.ExitStack() as stack:
        redis, postgres = PrivateRedis(), PrivatePostgres()  # the cheaper first, so that nothing is made for nothing
        stack.callback(postgres.remove)
        stack.callback(redis.stop)
        postgres.start()
        redis.start()
        yield postgres.url, redis.url
