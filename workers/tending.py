"""One run of one service: prepare, start, probe, measure, hear its end. In a thread of its own; writes nothing itself.

What happens to it is said to the keeper, which writes it down.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connections

from apps.core.models import Service
from apps.core.serving.keeping import Ended, Used
from apps.core.serving.kinds import Berth, ServiceKind
from workers import hardware, probing, usage
from workers.minding import CannotStart, Minded
from workers.pipes import clean

logger = logging.getLogger("terrarium.workers")

_TICK_SECONDS = 0.25
_FIRST_PROBE_SECONDS = 2.0
"""How long a probe may take while it starts: it is asked again soon."""


@dataclass(frozen=True)
class Running:
    """Its process exists, and will listen there."""

    pid: int
    address: str
    port: int | None
    socket: str
    secret: str


@dataclass(frozen=True)
class Ready:
    """It answers."""


Happened = Running | Ready | Ended


class Tended:
    """A claimed service on its way through a process."""

    def __init__(
        self,
        service: Service,
        kind: ServiceKind,
        *,
        host: str,
        logs: Path,
        lease_until: float,
        meter: hardware.Meter,
        say: Callable[[Tended, Happened], None],
    ) -> None:
        self.service, self.kind = service, kind
        self.held = (service.pk, service.token)
        self.stop_reason = ""
        """Why it is being stopped; empty while it is not."""
        self.gone = threading.Event()
        self._host, self._logs, self._meter, self._say = host, logs, meter, say
        self._lease_until = lease_until
        self._lock = threading.Lock()
        self._minded: Minded | None = None
        self._fault, self._message = "", ""
        self._began = time.monotonic()
        self._folder = ""
        self._used = Used()

    def start(self) -> None:
        """Run in a thread."""
        threading.Thread(target=self._run, name=f"service {self.service.pk}", daemon=True).start()

    # --- what the keeper asks ---------------------------------------------------------------------------------------

    def extend(self, until: float) -> None:
        """The lease was renewed until then."""
        with self._lock:
            self._lease_until = until
            if self._minded is not None:
                self._minded.extend(until)

    def stop(self, reason: str, *, at_once: bool = False) -> None:
        """Have it end, within its grace."""
        with self._lock:
            news = not self.stop_reason
            self.stop_reason = self.stop_reason or reason
            if self._minded is not None and (news or at_once):
                self._minded.stop(grace=0.0 if at_once else self.kind.grace_seconds)

    def measure(self) -> Used:
        """Look at its processes now; ends what has outgrown its memory."""
        minded = self._minded
        if minded is None or self.gone.is_set():
            return Used()
        now = usage.sample(minded.pid)
        bound = self.service.memory_mb
        if bound and now.memory_mb > bound:
            self._end("out_of_memory", f"It held {now.memory_mb:,.0f} MB of memory, it may have {bound:,}.")
        return Used(now.memory_mb, self._meter.memory_mb(self.service.device_name, now.pids))

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            ended = self._serve()
        except (OperationalError, InterfaceError) as error:
            ended = Ended(message=f"The database went away while it was prepared: {error}")
        except CannotStart as error:
            ended = self._ended("cannot_start", f"It could not be started: {error}.")
        except Exception as error:
            logger.exception("tending %s failed", self.service.pk)
            code = str(getattr(error, "code", "") or type(error).__name__)
            ended = self._ended(code, f"It could not be started: {error}")
        finally:
            connections.close_all()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
        self.gone.set()
        self._say(self, ended)

    def _serve(self) -> Ended:
        berth = self._berth()
        launch = self.kind.launch(berth)
        connections.close_all()
        if self.stop_reason:
            return Ended(message=self.stop_reason)
        self._began = time.monotonic()
        minded = Minded(
            launch.command,
            environment={**self._environment(berth), **launch.environment},
            log=self._logs / f"{self.service.pk}.log",
            lease_until=self._lease_until,
        )
        try:
            with self._lock:
                self._minded = minded
                minded.extend(self._lease_until)
                if self.stop_reason:
                    minded.stop(grace=0.0)
            self._say(self, Running(minded.pid, berth.host, berth.port, berth.socket, berth.secret))
            return self._judge(self._watch(minded, berth))
        finally:
            with self._lock:
                self._minded = None
            minded.close()

    def _berth(self) -> Berth:
        """Where it will listen. The port is free now; should another take it first, the service ends and gets another."""
        listens, port, path = self.kind.listens, None, ""
        if listens == "port":
            port = probing.free_port(self._host)
        elif listens == "socket":
            self._folder = tempfile.mkdtemp(prefix="terrarium-")  # short enough for a socket, closed to others
            path = f"{self._folder}/socket"
        host = "" if listens == "nothing" else self._host
        return Berth(self.service, host, port, path, secrets.token_urlsafe(24), self.service.device_name)

    def _environment(self, berth: Berth) -> dict[str, str]:
        """What its environment says of the service and of the hardware it may use."""
        place = hardware.Place(self.service.device_name, -1)
        return {
            "SERVICE_ID": self.service.pk,
            "SERVICE_HOST": berth.host,
            "SERVICE_PORT": str(berth.port or ""),
            "SERVICE_SOCKET": berth.socket,
            "SERVICE_SECRET": berth.secret,
            "PYTHONUNBUFFERED": "1",
            **hardware.thread_variables(self.service.threads, fresh=True),
            **place.variables(),
        }

    def _watch(self, minded: Minded, berth: Berth) -> dict[str, Any]:
        """Probe it until it ends; how it ended, in the words of its minder."""
        target = probing.Target(berth.host, berth.port, berth.socket)
        probe, ready, silent, next_probe = self.kind.probe, False, 0, 0.0
        while True:
            said = minded.hear(_TICK_SECONDS)
            if said is not None and said["event"] == "ended":
                return said
            now = time.monotonic()
            if self.stop_reason or self._fault or now < next_probe:
                continue
            timeout = probe.timeout_seconds if ready else min(_FIRST_PROBE_SECONDS, probe.timeout_seconds)
            trouble = self._trouble(target, berth, timeout)
            next_probe = time.monotonic() + (probe.every_seconds if ready else 0.0)
            silent = silent + 1 if trouble else 0
            if not trouble and not ready:
                ready = True
                self._say(self, Ready())
            elif trouble and not ready and now - self._began > probe.start_seconds:
                self._end("not_ready", f"It was not ready within {probe.start_seconds:g} s: {trouble}.")
            elif ready and silent >= probe.failures:
                self._end("unresponsive", f"It stopped answering: {trouble}.")

    def _trouble(self, target: probing.Target, berth: Berth, timeout: float) -> str:
        if self.kind.listens == "nothing":
            return ""
        return probing.trouble(target, self.kind.probe.path, secret=berth.secret, timeout=timeout)

    def _end(self, fault: str, message: str) -> None:
        """It must go, for a fault of its own."""
        with self._lock:
            self._fault, self._message = self._fault or fault, self._message or message
            if self._minded is not None:
                self._minded.stop(grace=0.0)

    def _judge(self, said: dict[str, Any]) -> Ended:
        words = str(clean(said["tail"]))
        if said["lease"]:
            return Ended(message="Its worker could not renew its lease in time.")
        if self._fault:
            return self._ended(self._fault, self._message, words)
        if self.stop_reason:
            return Ended(message=self.stop_reason)
        status = said["status"]
        if status is None:
            return self._ended("minder_lost", "The process that minds it was killed.", words)
        if status < 0:
            name = f"signal {-status}"
            with contextlib.suppress(ValueError):
                name = signal.Signals(-status).name
            return self._ended("killed", f"It was killed by {name}.", words)
        return self._ended("exited", f"It ended by itself with status {status}.", words)

    def _ended(self, fault: str, message: str, words: str = "") -> Ended:
        return Ended(fault, message, words, time.monotonic() - self._began)


def log_of(logs: Path, service_id: str) -> Path:
    """Where the output of a service is kept on its host."""
    return logs / f"{os.path.basename(service_id)}.log"
