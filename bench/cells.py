"""What it costs to end one cell of a large run: 100,000 cells, few, half, nearly all of them ended.

    python -m bench.cells --out docs/benchmarks/cells.md
    python -m bench.cells --database postgresql:///name --out docs/benchmarks/cells.md

Seeds a run in a database of its own (SQLite in a temporary folder unless told otherwise; a database named with
`--database` must be empty). Cells are ended as workers end them: their jobs claimed and settled. Beside that, two ways
to ask whether the run is over: for an open cell, as the product does, and for a cell that has not ended among all of
the run. Statistics are gathered once, while every cell waits: the worst a planner can believe later.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.pages import quantile, write_section
from bench.used_lab import batches, seed_tasks

TASKS = 1000
STRATEGIES = ("program_synthesis", "imported_a", "imported_b", "imported_c")
HEAD = "# The end of a cell in a large run\n\nMade by `python -m bench.cells`.\n\n"


def seed_run(owner: Any, cells: int) -> Any:
    """A run of so many cells, each with its job in the queue."""
    from django.db import transaction
    from django.db.models.functions import Now

    from apps.core.models import Job
    from apps.experiments.models import Experiment, ExperimentRun, Solve

    task_ids = seed_tasks(TASKS)
    seeds = list(range(max(1, cells // (TASKS * len(STRATEGIES)))))
    configs: dict[str, Any] = {name: {"version": "1", "config": {}} for name in STRATEGIES}
    experiment = Experiment.objects.create(
        name="Large",
        strategy_configs={name: {} for name in STRATEGIES},
        task_selection={"version": 1, "criteria": {}, "task_ids": task_ids},
        seeds=seeds,
        status="in_progress",
        started_at=Now(),
        created_by=owner,
    )
    run = ExperimentRun.objects.create(
        experiment=experiment,
        number=1,
        experiment_name=experiment.name,
        task_ids=task_ids,
        strategy_config=configs,
        seeds=seeds,
        cells_total=len(task_ids) * len(STRATEGIES) * len(seeds),
    )
    places = [(task_id, name, seed) for task_id in task_ids for name in STRATEGIES for seed in seeds]
    for start in range(0, len(places), 20_000):
        part = places[start : start + 20_000]
        jobs = [Job(kind="solve", topic=run.run_id, owner=owner, payload={"task_id": task_id}) for task_id, *_ in part]
        solves = [
            Solve(run=run, task_id=task_id, strategy=name, seed=seed, position=start + offset, job=job)
            for offset, ((task_id, name, seed), job) in enumerate(zip(part, jobs, strict=True))
        ]
        with transaction.atomic():
            for rows in (jobs, solves):
                for batch in batches(rows):
                    type(batch[0]).objects.bulk_create(batch)
    return run


def fill(run: Any, upto: int) -> None:
    """Make the first cells of the run ended ones."""
    from django.db.models.functions import Now

    from apps.core.models import Job
    from apps.experiments.models import Solve

    ended = Solve.objects.filter(run=run, position__lt=upto, status="pending")
    Job.objects.filter(solve__in=ended.values("pk"), status="queued").update(status="completed", finished_at=Now())
    ended.update(status="completed", score=1.0, outputs=1, outputs_hit=1, finished_at=Now())


def end_cells(count: int) -> tuple[list[float], int]:
    """End so many cells, one transaction each; milliseconds of each, and how many statements one takes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from apps.core.jobs.lease import claim
    from apps.core.jobs.reports import Usage
    from apps.core.jobs.settle import settle
    from apps.core.jobs.verdict import Verdict

    jobs = claim(queue="cpu", worker="bench", host="bench", lease_seconds=3600, limit=count)
    answer = {"predictions": [[{"grid": [[1, 2], [3, 4]], "confidence": 0.5, "program": "x", "program_data": {}}]]}
    verdict = Verdict("completed", Usage(1.0, 1.0, 100.0), result=answer)
    with CaptureQueriesContext(connection) as caught:
        settle(jobs[0].pk, jobs[0].attempt, verdict)
    taken = []
    for job in jobs[1:]:
        began = time.perf_counter()
        settle(job.pk, job.attempt, verdict)
        taken.append(1000 * (time.perf_counter() - began))
    return taken, len(caught)


def timed(act: Callable[[], object], rounds: int) -> float:
    """The median of so many rounds, in milliseconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def measure(run: Any, rounds: int) -> str:
    """A line of the table, for the run as filled now."""
    from apps.experiments.models import TERMINAL_SOLVES, Solve
    from apps.experiments.services.ending import cell_is_open

    ended = Solve.objects.filter(run=run, finished_at__isnull=False).count()
    among_all = Solve.objects.filter(run=run).exclude(status__in=TERMINAL_SOLVES)
    taken, statements = end_cells(rounds + 1)
    return (
        f"| {ended:,} | {statistics.median(taken):.1f} | {quantile(taken, 0.95):.1f} | {statements} "
        f"| {timed(lambda: cell_is_open(run_id=run.run_id), rounds):.2f} | {timed(among_all.exists, rounds):.2f} |"
    )


def main(argv: list[str] | None = None) -> int:
    """Seed, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="an empty database; default: SQLite in a temporary folder")
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--out", default="", help="write or renew the section of this database in a Markdown file")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="terrarium-cells-") as folder:
        os.environ["TERRARIUM_STORAGE_ROOT"] = folder
        os.environ.pop("REDIS_URL", None)
        os.environ.pop("DATABASE_URL", None)
        if args.database:
            os.environ["DATABASE_URL"] = args.database
        lines = _run(args)
    print("\n".join(lines))
    if args.out:
        write_section(Path(args.out), lines, head=HEAD)
    return 0


def _run(args: argparse.Namespace) -> list[str]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command
    from django.db import connection

    from apps.core.models import User
    from apps.experiments.models import Solve
    from apps.tasks.models import ArcTask

    call_command("migrate", verbosity=0)
    if ArcTask.objects.exists():
        raise SystemExit("This database is in use: name an empty one.")
    run = seed_run(User.objects.create(username="bench", role="admin", password=make_password(None)), args.cells)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")
        if connection.vendor == "postgresql":
            for table in ("experiments_solve", "core_job"):
                cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    total = Solve.objects.filter(run=run).count()
    rows = []
    for share in (0.0, 0.5, 0.99):
        fill(run, round(share * total))
        rows.append(measure(run, args.rounds))
    vendor = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    return [
        f"## {vendor}",
        "",
        f"A run of {total:,} cells; {args.rounds} cells ended at each stage, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores at a load of {os.getloadavg()[0]:.0f}.",
        "",
        "| cells ended before | a cell's end, median ms | p95 ms | statements | open cell? ms | among all cells, ms |",
        "|--:|--:|--:|--:|--:|--:|",
        *rows,
        "",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
