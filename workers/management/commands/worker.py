"""`manage.py worker`: run jobs of some queues on this host until stopped."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.databases.sqlite.base import stay_open
from workers.supervisor import default_concurrency


class Command(BaseCommand):
    """A Celery worker with the threads pool, in which the supervisor runs the jobs."""

    help = "Run jobs of the given queues. Ctrl-C or SIGTERM gives running jobs back to their queue and ends."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Which queues, how many at once."""
        parser.add_argument("--queues", default="cpu,gpu,agents", help="comma-separated (default: all three)")
        parser.add_argument(
            "--concurrency",
            type=int,
            help="jobs of a queue at once (default: TERRARIUM_WORKER_CONCURRENCY, else all cores but one); "
            "a queue whose work needs a GPU has TERRARIUM_MAX_CONCURRENT_JOBS a host",
        )
        parser.add_argument("--name", default="", help="name of the Celery node (default: worker@host)")
        parser.add_argument("--host", default="", help="what this machine is called on the pages (default: its name)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start and stay."""
        queues = sorted({name.strip() for name in options["queues"].split(",") if name.strip()})
        if not queues:
            raise CommandError("--queues: name at least one, for example cpu,gpu,agents.")
        concurrency = options["concurrency"] or default_concurrency()
        if concurrency < 1:
            raise CommandError("--concurrency: at least 1.")
        from config.celery import app
        from workers import doorbell

        stay_open()
        doorbell.host = options["host"] or None

        warnings.filterwarnings("ignore", message=".*superuser privileges.*")
        for name in ("celery.worker.strategy", "celery.app.trace"):  # two lines a ring otherwise
            logging.getLogger(name).setLevel(logging.WARNING)
        os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # pages and addresses are not the worker's business
        arguments = ["worker", "--pool=threads", f"--concurrency={concurrency}", f"--queues={','.join(queues)}"]
        arguments += [
            f"--loglevel={settings.CONFIG.log_level}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
        if options["name"]:
            arguments.append(f"--hostname={options['name']}@%h")
        app.worker_main(arguments)
