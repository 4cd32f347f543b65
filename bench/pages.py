"""How long pages take on a lab that has been used: 10,000 tasks, 100,000 submissions.

    python -m bench.pages --out docs/benchmarks/pages.md
    python -m bench.pages --database postgresql:///name --out docs/benchmarks/pages.md

Seeds a database of its own (SQLite in a temporary folder unless told otherwise; a database named with `--database` must
be empty), then asks for each page as a signed-in researcher, in process, through every middleware. Server time is the
wall time of the whole request; CPU time beside it says how much of that was this process's own (PostgreSQL's is not in
it). Statements are counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from bench.used_lab import seed_experiments, seed_tasks, seeded

AIM_MS = 100.0
HEAD = "# Pages on a lab that has been used\n\nMade by `python -m bench.pages` (see its text for what is seeded).\n\n"


@dataclass(frozen=True)
class Measured:
    """One page: milliseconds of wall and CPU time, statements, kilobytes as made and as sent."""

    name: str
    path: str
    wall: list[float]
    cpu: list[float]
    statements: int
    kilobytes: float
    sent: float


def quantile(values: list[float], share: float) -> float:
    """The least value that `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def pages_of(known: dict[str, str]) -> list[tuple[str, str]]:
    """Name and address of each page measured."""
    finished, running, task = f"/experiments/{known['finished']}", f"/experiments/{known['running']}", known["task"]
    return [
        ("Observatory", "/"),
        ("Search", "/search/?q=0a"),
        ("Experiments", "/experiments/"),
        ("Experiments by score", "/experiments/?sort=-score"),
        ("New experiment", "/experiments/new/"),
        ("Matrix 400 × 4, finished", f"{finished}/"),
        ("Matrix 400 × 4, running", f"{running}/"),
        ("Curves", f"{finished}/curves/"),
        ("Tasks of an experiment", f"{finished}/tasks/?sort=-score"),
        ("Config", f"{finished}/config/"),
        ("Log", f"{running}/log/"),
        ("A cell (fragment)", f"{finished}/cells/5/"),
        ("Tasks", "/tasks/"),
        ("Tasks, solved by nobody", "/tasks/?solved=never"),
        ("A task", f"/tasks/{task}/"),
        ("Its submissions", f"/tasks/{task}/submissions/"),
        ("System", "/system/"),
        ("Patterns", "/system/patterns/"),
        ("Jobs", "/system/jobs/"),
        ("Events", "/system/events/"),
        ("API: experiments", "/api/v1/experiments"),
        ("API: an experiment", f"/api/v1{running}"),
        ("API: submissions", "/api/v1/experiments/submissions?page_size=100"),
        ("API: submissions of a strategy", "/api/v1/experiments/submissions?strategy_used=imported_a&is_correct=true"),
        ("API: events of a run", f"/api/v1{running}/events?limit=500"),
    ]


def measure(client: Any, name: str, path: str, rounds: int) -> Measured:
    """Ask for a page again and again."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    headers = {"HX-Request": "true"} if "fragment" in name else {}
    get: Callable[[], Any] = lambda: client.get(path, headers=headers)  # noqa: E731 - one line, used twice
    for _ in range(2):
        answer = get()
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}.")
    with CaptureQueriesContext(connection) as caught:
        get()
    statements = len(caught)  # now: the next request clears the list
    wall, cpu = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        answer = get()
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
    size = len(answer.getvalue() if answer.streaming else answer.content) / 1024
    compressed = client.get(path, headers={**headers, "Accept-Encoding": "gzip"})
    sent = size if compressed.streaming else len(compressed.content) / 1024
    return Measured(name, path, wall, cpu, statements, size, sent)


def measure_push(known: dict[str, str], owner: Any, rounds: int) -> Measured:
    """One live message of the running matrix with 40 changed cells."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from apps.core.live.log import Event, Position
    from apps.core.models import JobEvent
    from apps.experiments import live
    from apps.experiments.models import ExperimentRun

    run = ExperimentRun.objects.get(experiment_id=known["running"])
    rows = JobEvent.objects.filter(topic=run.run_id).order_by("id")[:40]
    events = [Event(Position(e.xid, e.id), e.job_id, e.topic, e.seq, e.type, e.payload, e.at) for e in rows]
    key = f"{run.run_id}:detail"
    with CaptureQueriesContext(connection) as caught:
        html = live._render(owner, key, events)
    wall, cpu = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        live._render(owner, key, events)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
    return Measured(
        "Live message, 40 cells changed", key.split(":")[1], wall, cpu, len(caught), *[len(html) / 1024] * 2
    )


def table(measured: list[Measured]) -> list[str]:
    """A line a page."""
    lines = [
        "| page | median ms | p95 ms | CPU p95 ms | statements | KiB | KiB sent |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    return lines + [
        f"| {one.name} | {statistics.median(one.wall):.0f} | {quantile(one.wall, 0.95):.0f} "
        f"| {quantile(one.cpu, 0.95):.0f} | {one.statements} | {one.kilobytes:.0f} | {one.sent:.0f} |"
        for one in measured
    ]


def main(argv: list[str] | None = None) -> int:
    """Seed, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="an empty database; default: SQLite in a temporary folder")
    parser.add_argument("--reuse", action="store_true", help="measure on a database that was seeded before")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--submissions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", default="", help="write or renew the section of this database in a Markdown file")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="terrarium-pages-") as folder:
        os.environ["TERRARIUM_STORAGE_ROOT"] = folder
        os.environ["TERRARIUM_API_REQUESTS_PER_MINUTE"] = "1000000"
        os.environ.pop("REDIS_URL", None)
        if args.database:
            os.environ["DATABASE_URL"] = args.database
        else:
            os.environ.pop("DATABASE_URL", None)
        lines = _run(args)
    print("\n".join(lines))
    if args.out:
        write_section(Path(args.out), lines, head=HEAD)
    return 0


def _run(args: argparse.Namespace) -> list[str]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from apps.core.models import User
    from apps.experiments.models import TaskSubmission
    from apps.tasks.models import ArcTask

    settings.ALLOWED_HOSTS.append("testserver")
    call_command("migrate", verbosity=0)
    if args.reuse:
        owner, known = User.objects.get(username="bench"), seeded()
    elif ArcTask.objects.exists():
        raise SystemExit("This database is in use: name an empty one, or --reuse one that was seeded before.")
    else:
        owner = User.objects.create(username="bench", role="admin", password=make_password(None))
        began = time.monotonic()
        known = seed_experiments(owner, seed_tasks(args.tasks), args.submissions)
        print(f"seeded in {time.monotonic() - began:.0f} s", flush=True)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # what its daemon does by itself within minutes of so many rows
            cursor.execute("VACUUM (ANALYZE)")
    import config.asgi  # noqa: F401 - as the server starts: all loaded, and what stays kept from collection

    client = Client()
    client.force_login(owner)
    load = [os.getloadavg()[0]]
    measured = []
    for name, path in pages_of(known):
        measured.append(measure(client, name, path, args.rounds))
        load.append(os.getloadavg()[0])
    measured.append(measure_push(known, owner, args.rounds))
    slow = [one.name for one in measured if quantile(one.wall, 0.95) > AIM_MS]
    vendor = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    return [
        f"## {vendor}",
        "",
        f"{ArcTask.objects.count():,} tasks, {TaskSubmission.objects.count():,} submissions; {args.rounds} requests a page, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores at a load of {min(load):.0f} to {max(load):.0f}, this "
        f"measurement being 1 of it. Aim: p95 under {AIM_MS:.0f} ms of server time. "
        + (f"Above it: {', '.join(slow)}." if slow else "Every page keeps it."),
        "",
        *table(measured),
        "",
    ]


def write_section(path: Path, lines: list[str], *, head: str) -> None:
    """Renew the section with this heading in a file that begins with `head`; the others stay."""
    old = path.read_text("utf-8") if path.exists() else head
    sections = old.split("\n## ")
    kept = {part.split("\n", 1)[0]: part for part in sections[1:]}
    text = "\n".join(lines).removeprefix("## ")
    kept[text.split("\n", 1)[0]] = text
    body = "".join(f"\n## {kept[name].strip()}\n" for name in sorted(kept, reverse=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sections[0].rstrip() + "\n" + body, "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
