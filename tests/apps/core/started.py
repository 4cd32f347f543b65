"""The product's web server, started as an operator starts it, beside a test."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from django.conf import settings

from tests.patience import PATIENCE


class Server:
    """The product's server as a process of its own, on the test's database."""

    def __init__(self, database_url: str, storage: Path, **more: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TERRARIUM_")}
        self.environment = {
            **kept,
            "DATABASE_URL": database_url,
            "TERRARIUM_STORAGE_ROOT": str(storage),
            "TERRARIUM_SECRET_KEY": settings.SECRET_KEY,
            "TERRARIUM_JWT_SECRET_KEY": settings.JWT_SECRET_KEY,
            **more,
        }
        self.log = storage / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=self.environment, stdout=log, stderr=log
            )
        for _ in range(int(10 * PATIENCE)):
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5)
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """No goodbye."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
