"""Start everything on this machine: database, tasks, a first experiment, a worker and the web server."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.core import graces
from apps.core.accounts import first_admin_ensure, login_link_create
from apps.core.engine.household import GaveUp, Household, Kept
from apps.experiments.services import first_experiment_ensure
from apps.tasks.models import ArcTask

LOG_LINES_SHOWN = 15
START_SECONDS = 60.0
_BATCH_OF_TASKS = 1920


class Command(BaseCommand):
    """`manage.py up`."""

    help = "Prepare the database, then run the web server and a worker until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options for those who want less."""
        parser.add_argument("--no-first-experiment", action="store_true", help="do not start the first experiment")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Prepare, start, print the link, watch."""
        began = time.monotonic()
        lock = self._lock()
        self._check_port()
        self._migrate()
        self._collect_static()
        admin = first_admin_ensure()
        household = Household(self._processes(), say=self._say, grace_seconds=graces.MACHINE)
        # Django's connection must not be shared with the children.
        connection.close()
        try:
            household.start()
            self._import_tasks()  # while they load
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, household.request_stop)
            if household.watch(until=self._answers_within(START_SECONDS)):
                first = None if options["no_first_experiment"] else first_experiment_ensure(owner=admin)
                self._welcome(login_link_create(user=admin), seconds=time.monotonic() - began)
                if first is not None:
                    self._say(
                        "A first experiment is queued. Its answers start to come once the solver has compiled itself."
                    )
                household.watch()
        except GaveUp as trouble:
            raise CommandError(f"{trouble}\n{_tail(trouble.kept.log_path)}") from None
        except KeyboardInterrupt:
            self._say("Interrupted while the tasks were imported.")
        finally:
            self._say("Stopping ...")
            household.stop()
            lock.close()
        self._say("Stopped. Everything is kept; the same command goes on where it was.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _lock(self) -> IO[str]:
        path = settings.VAR_DIR / "up.lock"
        lock = path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise CommandError(
                f"Terrarium is already running from this folder (process {lock.read().strip() or 'unknown'}). "
                "Stop it with Ctrl-C there, or get a new login link with: .venv/bin/python manage.py login_link"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return lock

    def _check_port(self) -> None:
        host, port = settings.CONFIG.api_host, settings.CONFIG.api_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise CommandError(
                        f"Port {port} on {host} is taken by another program. Stop it, or choose another port: "
                        f"TERRARIUM_API_PORT={port + 1} make run"
                    ) from None
                raise CommandError(
                    f"Cannot listen on {host}:{port}: {error.strerror}. Check TERRARIUM_API_HOST."
                ) from None

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self._say("Preparing the database ...")
            call_command("migrate", verbosity=0, interactive=False)

    def _collect_static(self) -> None:
        try:
            call_command("collectstatic", verbosity=0, interactive=False)
        except OSError as error:
            self._say(
                f"{settings.STATIC_ROOT}: {error.strerror}. Style sheets and scripts are sent as they are, uncompressed."
            )

    def _import_tasks(self) -> None:
        if ArcTask.objects.count() < _BATCH_OF_TASKS:
            self._say("Importing the ARC tasks ...")
            call_command("import_tasks", verbosity=1, stdout=self.stdout)

    def _processes(self) -> list[Kept]:
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        logs = settings.LOGS_DIR
        web = [
            sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", settings.CONFIG.api_host,
            "--port", str(settings.CONFIG.api_port), "--workers", str(settings.CONFIG.api_workers),
            "--log-level", "warning", "--no-server-header", "--no-proxy-headers", "--timeout-graceful-shutdown", "3",
        ]  # fmt: skip
        return [
            Kept("The web server", web, logs / "web.log"),
            Kept("The worker", [*manage, "worker"], logs / "worker.log"),
        ]

    def _answers_within(self, seconds: float) -> Any:
        deadline = time.monotonic() + seconds

        def answers() -> bool:
            if time.monotonic() > deadline:
                log = settings.LOGS_DIR / "web.log"
                raise CommandError(f"The web server did not answer within {seconds:.0f} s.\n{_tail(log)}")
            try:
                with urllib.request.urlopen(f"{_base_url()}/healthz", timeout=1) as answer:  # noqa: S310 - our own address
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        return answers

    def _welcome(self, link: str, *, seconds: float) -> None:
        port = settings.CONFIG.api_port
        self._say(
            f"\nTerrarium is running (ready in {seconds:.0f} s). Open this link; it signs you in once, within a day:\n\n"
            f"    {link}\n\n"
            f"From another computer:  ssh -L {port}:127.0.0.1:{port} {_user_at_host()}   then open the same link.\n"
            f"Another link:           {shlex.quote(_relative(sys.executable))} manage.py login_link\n"
            f"Logs:                   {_relative(settings.LOGS_DIR)}/\n"
            f"Stop:                   Ctrl-C\n"
        )


def _base_url() -> str:
    host = settings.CONFIG.api_host
    host = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.CONFIG.api_port}"


def _user_at_host() -> str:
    return f"{os.environ.get('USER') or 'you'}@{socket.gethostname()}"


def _relative(path: str | Path) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    except OSError:
        return ""
    return "\n".join(f"  {line}" for line in lines)
