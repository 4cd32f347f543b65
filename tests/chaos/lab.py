"""A lab to be hurt: workers, a web server, a database and a broker of its own, under a temporary folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil
import redis

from tests.services import PrivatePostgres, PrivateRedis, free_port

ROOT = Path(__file__).resolve().parents[2]


class Lab:
    """Starts what belongs to a lab and restarts what dies, as an operator's supervisor would."""

    def __init__(
        self,
        folder: Path,
        *,
        backend: str,
        lease: float,
        workers: int,
        concurrency: int,
        worker: Sequence[str],
        urls: tuple[str, str] | None = None,
    ) -> None:
        self.folder, self.lease, self.concurrency = folder, lease, concurrency
        self.worker = tuple(worker)
        self.port = free_port()
        self.postgres: PrivatePostgres | None = None
        self.redis: PrivateRedis | None = None
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TERRARIUM_")}
        for name in ("DATABASE_URL", "REDIS_URL"):
            self.environment.pop(name, None)
        if urls is not None:
            self.environment |= {"DATABASE_URL": urls[0], "REDIS_URL": urls[1]}
        elif backend == "production":
            self.postgres, self.redis = PrivatePostgres(), PrivateRedis()
            self.postgres.start()
            self.redis.start()
            self.environment |= {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url}
        self.environment |= {
            "TERRARIUM_STORAGE_ROOT": str(folder),
            "TERRARIUM_LEASE_SECONDS": str(lease),
            "TERRARIUM_API_PORT": str(self.port),
            "TERRARIUM_API_REQUESTS_PER_MINUTE": "100000",
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        self.workers: list[subprocess.Popen[bytes] | None] = [None] * workers
        self.deaths: dict[int, float] = {}
        """When each worker that is gone went, by its process id."""
        self.server: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where the web server answers."""
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str) -> None:
        """A command of the project."""
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=self.environment, check=True)

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def keep(self) -> None:
        """Start what is not running."""
        self.keep_workers()
        self.keep_server()

    def keep_workers(self) -> None:
        """Start workers that are not running."""
        for index, worker in enumerate(self.workers):
            if worker is None or worker.poll() is not None:
                if worker is not None:
                    self.deaths.setdefault(worker.pid, time.time())
                self.workers[index] = self._start(
                    f"worker-{index}",
                    *self.worker,
                    "--queues=cpu",
                    f"--concurrency={self.concurrency}",
                    f"--name=chaos{index}",
                )

    def keep_server(self) -> None:
        """Start the web server if it is not running."""
        if self.server is None or self.server.poll() is not None:
            options = ["--port", str(self.port), "--log-level", "warning", "--lifespan", "off"]
            self.server = self._start("web", "-m", "uvicorn", "config.asgi:application", *options)

    # --- what can be hurt -------------------------------------------------------------------------------------------

    def web_servers(self) -> list[psutil.Process]:
        """The web server, while it runs."""
        return _processes([self.server.pid] if self.server is not None and self.server.poll() is None else [])

    def living_workers(self) -> list[psutil.Process]:
        """The Celery processes."""
        return _processes(worker.pid for worker in self.workers if worker is not None and worker.poll() is None)

    def working_workers(self) -> list[psutil.Process]:
        """Those that have come as far as running jobs: killing the others hurts nobody."""
        found = []
        for child in self.children():
            with contextlib.suppress(psutil.Error):
                server = child.parent()
                worker = server.parent() if server else None
                if worker is not None and worker not in found:
                    found.append(worker)
        return found

    def fork_servers(self) -> list[psutil.Process]:
        """The fork servers below them."""
        found = []
        for worker in self.living_workers():
            with contextlib.suppress(psutil.Error):
                found += [one for one in worker.children() if "workers.children" in " ".join(one.cmdline())]
        return found

    def children(self) -> list[psutil.Process]:
        """The processes that run jobs."""
        found = []
        for server in self.fork_servers():
            with contextlib.suppress(psutil.Error):
                found += server.children()
        return found

    def flush_redis(self) -> None:
        """Forget every message."""
        if self.redis is not None:
            with contextlib.closing(redis.Redis.from_url(self.redis.url)) as client:
                client.flushall()

    def restart_database(self) -> None:
        """Crash PostgreSQL and start it again."""
        if self.postgres is not None:
            self.postgres.stop(mode="immediate")
            time.sleep(0.3)
            self.postgres.start()

    # --- the end ----------------------------------------------------------------------------------------------------

    def belonging(self) -> list[psutil.Process]:
        """Every process that was started from this lab, however far it ran."""
        mark = f"TERRARIUM_STORAGE_ROOT={self.folder}".encode()
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if process.name().startswith(("postgres", "redis-server")):
                    continue  # services, restarted from here
                environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
                if process.pid != os.getpid() and mark in environment and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def stop(self) -> list[str]:
        """End workers and server the usual way; returns the command lines of what is left."""
        started = [one for one in (*self.workers, self.server) if one is not None]
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
                os.kill(process.pid, signal.SIGTERM)
        for process in started:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        time.sleep(0.5)
        left = self.belonging()
        lines = []
        for one in left:
            with contextlib.suppress(psutil.Error):
                lines.append(f"{one.pid}: {' '.join(one.cmdline())}")
                one.kill()
        return lines

    def remove(self) -> None:
        """Stop the services too."""
        if self.postgres is not None:
            self.postgres.remove()
        if self.redis is not None:
            self.redis.stop()


def _processes(pids: Iterable[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found
