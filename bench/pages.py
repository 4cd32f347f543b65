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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

AIM_MS = 100.0
STRATEGIES = ("program_synthesis", "imported_a", "imported_b", "imported_c")
TASKS_A_RUN = 400
HEAD = "# Pages on a lab that has been used\n\nMade by `python -m bench.pages` (see its text for what is seeded).\n\n"
BATCH = 2000


@dataclass(frozen=True)
class Measured:
    """One page: milliseconds of wall and CPU time, statements, kilobytes."""

    name: str
    path: str
    wall: list[float]
    cpu: list[float]
    statements: int
    kilobytes: float


def quantile(values: list[float], share: float) -> float:
    """The least value that `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def batches(rows: list[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """The rows, some at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def seed_tasks(count: int) -> list[str]:
    """The canonical tasks and copies of them under further datasets, until there are `count`."""
    from django.db import transaction

    from apps.tasks.content import content_columns
    from apps.tasks.engine.formats import CANONICAL_SETS, load_canonical
    from apps.tasks.models import ArcTask

    contents = []
    for name in CANONICAL_SETS:
        dataset, _, source = name.partition("/")
        contents += [(dataset, source, data.raw_id, content_columns(data)) for data in load_canonical(name)]
    ids: list[str] = []
    copy = 0
    while len(ids) < count:
        made = []
        for dataset, source, raw_id, columns in contents[: count - len(ids)]:
            name = dataset if copy == 0 else f"{dataset}copy{copy}"
            task_id = f"{name}:{raw_id}"
            ids.append(task_id)
            changed = columns if copy == 0 else {**columns, "content_hash": f"{copy:02d}{columns['content_hash'][2:]}"}
            made.append(ArcTask(task_id=task_id, raw_id=raw_id, dataset=name, task_source=source, **changed))
        with transaction.atomic():
            for batch in batches(made, 500):
                ArcTask.objects.bulk_create(batch)
        copy += 1
    return ids


def seed_experiments(owner: Any, task_ids: list[str], submissions: int) -> dict[str, str]:
    """Finished experiments of 400 tasks and 4 strategies until there are enough answers, and one half done."""
    from apps.experiments.services.settle import figures_keep

    known: dict[str, str] = {}
    number = made = 0
    while made < submissions:
        start = (number * TASKS_A_RUN) % (len(task_ids) - TASKS_A_RUN + 1)
        chosen = task_ids[start : start + TASKS_A_RUN]
        active = made + len(chosen) * len(STRATEGIES) >= submissions
        experiment, run = _experiment(owner, number, chosen, "in_progress" if active else "completed")
        made += _cells(owner, run, chosen, done=len(chosen) // 2 if active else len(chosen))
        if not active:
            figures_keep(run)
        known["running" if active else "finished"] = experiment.pk
        known["task"] = chosen[0]
        number += 1
    return known


def _experiment(owner: Any, number: int, chosen: list[str], status: str) -> tuple[Any, Any]:
    from django.utils import timezone

    from apps.experiments.models import Experiment, ExperimentRun

    now = timezone.now()
    ended = now if status == "completed" else None
    experiment = Experiment.objects.create(
        name=f"Sweep {number}: programs against imports",
        hypothesis="Programs are cheaper.",
        strategy_configs={name: {} for name in STRATEGIES},
        task_selection={"version": 1, "criteria": {"task_ids": chosen}, "task_ids": chosen},
        seeds=[0],
        status=status,
        started_at=now - timedelta(hours=1),
        completed_at=ended,
        created_by=owner,
    )
    run = ExperimentRun.objects.create(
        experiment=experiment,
        number=1,
        experiment_name=experiment.name,
        task_ids=chosen,
        strategy_config={name: {"version": "1", "config": {}} for name in STRATEGIES},
        seeds=[0],
        status=status,
        cells_total=len(chosen) * len(STRATEGIES),
        started_at=now - timedelta(hours=1),
        completed_at=ended,
    )
    return experiment, run


def _cells(owner: Any, run: Any, chosen: list[str], done: int) -> int:
    """The cells of a run with jobs, answers, results, metrics, costs and events; how many have ended."""
    from django.db import transaction
    from django.utils import timezone

    from apps.carbon.models import ResourceUsage
    from apps.core.models import Job, JobEvent
    from apps.experiments.models import ExperimentResult, Solve, StrategyMetric, TaskSubmission

    now = timezone.now()
    grid = [[(row * column) % 10 for column in range(12)] for row in range(12)]
    attempt = {
        "grid": grid,
        "confidence": 0.5,
        "program": "def solve(grid):\n    return grid\n" * 4,
        "program_data": {"kind": "none"},
    }
    jobs: list[Any] = []
    answers: list[Any] = []
    solves: list[Any] = []
    results: list[Any] = []
    metrics: list[Any] = []
    usage: list[Any] = []
    events: list[Any] = []
    for column, task_id in enumerate(chosen):
        ended = column < done
        for row, strategy in enumerate(STRATEGIES):
            score = 1.0 if (column * 7 + row * 3) % 4 == 0 else 0.0
            job = Job(
                kind="solve",
                topic=run.run_id,
                owner=owner,
                status="completed" if ended else "queued",
                payload={"task_id": task_id, "strategy": strategy},
                finished_at=now if ended else None,
                last_seq=1,
            )
            jobs.append(job)
            solve = Solve(run=run, task_id=task_id, strategy=strategy, position=column * len(STRATEGIES) + row, job=job)
            solves.append(solve)
            if not ended:
                continue
            core_seconds = 0.05 + (column * 37 % 100) / 20
            answer = TaskSubmission(
                task_id=task_id,
                user=owner,
                run=run,
                strategy_used=strategy,
                predicted_output=grid,
                predictions=[[attempt, attempt]],
                hits=[bool(score)],
                score=score,
                is_correct=bool(score),
                confidence_score=0.5,
                processing_time_ms=round(core_seconds * 1100),
                resource_usage={"cpu_seconds": core_seconds, "memory_mb": 170.0},
                submitted_at=now - timedelta(seconds=len(answers)),
            )
            answers.append(answer)
            solve.submission, solve.status, solve.finished_at = answer, "completed", now
            solve.score, solve.outputs, solve.outputs_hit = score, 1, int(score)
            solve.core_seconds, solve.dollars, solve.joules = core_seconds, core_seconds * 1.4e-5, core_seconds * 8
            results.append(
                ExperimentResult(
                    experiment_id=run.experiment_id, task_id=task_id, submission=answer, metrics={"score": score}
                )
            )
            metrics.append(
                StrategyMetric(
                    strategy_type=strategy,
                    task_id=task_id,
                    success=bool(score),
                    execution_time_ms=900,
                    resource_cost=1e-5,
                )
            )
            usage.append(
                ResourceUsage(
                    task_id=task_id,
                    strategy_type=strategy,
                    job=job,
                    cpu_seconds=core_seconds,
                    memory_mb=170.0,
                    estimated_cost=1e-5,
                )
            )
            events.append(
                JobEvent(
                    job=job,
                    topic=run.run_id,
                    seq=1,
                    type="result",
                    payload={
                        "solve_id": solve.pk,
                        "task_id": task_id,
                        "strategy": strategy,
                        "score": score,
                        "status": "completed",
                    },
                    at=now,
                )
            )
    with transaction.atomic():
        for rows in (jobs, answers, solves, results, metrics, usage, events):
            for batch in batches(rows):
                type(batch[0]).objects.bulk_create(batch)
    return len(answers)


def seeded() -> dict[str, str]:
    """What `seed_experiments` made, found again."""
    from apps.experiments.models import Experiment

    known = {
        name: Experiment.objects.filter(status=status).order_by("-created_at")[0].pk
        for name, status in (("finished", "completed"), ("running", "in_progress"))
    }
    known["task"] = Experiment.objects.get(pk=known["finished"]).task_selection["task_ids"][0]
    return known


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
    return Measured(name, path, wall, cpu, statements, size)


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
    return Measured("Live message, 40 cells changed", key.split(":")[1], wall, cpu, len(caught), len(html) / 1024)


def table(measured: list[Measured]) -> list[str]:
    """A line a page."""
    lines = ["| page | median ms | p95 ms | CPU p95 ms | statements | KiB |", "|---|--:|--:|--:|--:|--:|"]
    return lines + [
        f"| {one.name} | {statistics.median(one.wall):.0f} | {quantile(one.wall, 0.95):.0f} "
        f"| {quantile(one.cpu, 0.95):.0f} | {one.statements} | {one.kilobytes:.0f} |"
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
