"""How fast curves are read from ten million points, and how fast points are written beside them.

    python -m bench.metric_points --out docs/benchmarks/metric_points.md
    python -m bench.metric_points --database postgresql:///name --out docs/benchmarks/metric_points.md

Seeds a database of its own (SQLite in a temporary folder unless told otherwise; a database named with `--database` must
be empty): a few curves of a million points, hundreds of ten thousand, thousands of five hundred, filled by statements of
the database's own and then summed up as writing would have. Each reading takes other curves than the one before. A
reading's time is that of the query with its Python objects; the API's is that of the whole request, in process, through
every middleware. CPU time is this process's own, without PostgreSQL's. Writing goes through `points_upsert`, a transaction a batch, one writer.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.pages import quantile

if TYPE_CHECKING:
    from django.test import Client

AIM_MS = 100.0
LONG, USUAL, SHORT = 1_000_000, 10_000, 500
SEED_ROWS = 250_000
KEYS = ("train_loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second")


def seed(points: int) -> dict[int, list[str]]:
    """Jobs by the length of their curves: two fifths of all points in long ones, half in usual ones, a tenth in short ones."""
    jobs: dict[int, list[str]] = {}
    for length, share, keys in ((LONG, 0.4, KEYS[:1]), (USUAL, 0.5, KEYS), (SHORT, 0.1, KEYS)):
        count = max(1, int(points * share) // (length * len(keys)))
        jobs[length] = _jobs(count)
        _curves(jobs[length], keys, length)
    return jobs


def _jobs(count: int) -> list[str]:
    from django.utils import timezone

    from apps.core.models import Job, JobStatus

    now = timezone.now()
    rows = [
        Job(kind="bench", status=JobStatus.COMPLETED, created_at=now, started_at=now, finished_at=now)
        for _ in range(count)
    ]
    return [job.pk for job in Job.objects.bulk_create(rows)]


def _curves(job_ids: list[str], keys: tuple[str, ...], length: int) -> None:
    """Whole curves by one statement a piece, then their blocks."""
    from django.db import connection, transaction
    from django.utils import timezone

    from apps.core.metrics import blocks
    from apps.core.metrics.sql import run
    from apps.core.models import MetricSeries

    now = timezone.now()
    made = MetricSeries.objects.bulk_create(
        MetricSeries(
            job_id=job_id, key=key, first_step=0, last_step=length - 1, last_value=0.5, last_at=now, written=length
        )
        for job_id in job_ids
        for key in keys
    )
    chance = "random()" if connection.vendor == "postgresql" else "(random() / 18446744073709551616.0 + 0.5)"
    numbers = (
        "SELECT generate_series(%s::bigint, %s::bigint) AS n"
        if connection.vendor == "postgresql"
        else "WITH RECURSIVE c(n) AS (SELECT %s UNION ALL SELECT n + 1 FROM c WHERE n < %s) SELECT n FROM c"
    )
    moment = connection.ops.adapt_datetimefield_value(now)
    at = "%s::timestamptz" if connection.vendor == "postgresql" else "%s"
    for row in made:
        for start in range(0, length, SEED_ROWS):
            with transaction.atomic():
                run(
                    f"""
                    INSERT INTO core_metricpoint (series_id, step, value, nonfinite, at)
                    SELECT {row.pk}, n, 4.0 / (1 + n * 0.001) + {chance}, '', {at} FROM ({numbers}) AS steps
                    """,
                    [moment, start, min(length, start + SEED_ROWS) - 1],
                )
        with transaction.atomic():
            blocks.update([blocks.Touched(row.pk, row.job_id, row.key, 0, length - 1, length, None, 0, steps=[])])


def readings(jobs: dict[int, list[str]], client: Client) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """What is measured: a name, and a reading of the n-th choice."""
    from apps.core.metrics import curves, latest

    def one(length: int, n: int) -> str:
        return jobs[length][n * 37 % len(jobs[length])]

    def some(length: int, n: int) -> list[str]:
        start = n * 13 % max(1, len(jobs[length]) - 99)
        return jobs[length][start : start + 100]

    key = [KEYS[0]]
    yield "a curve of 10,000 points", lambda n: curves([one(USUAL, n)], key)
    yield "the same, with times", lambda n: curves([one(USUAL, n)], key, with_times=True)
    yield "a curve of 1,000,000 points", lambda n: curves([one(LONG, n)], key)
    yield (
        "a hundredth of it",
        lambda n: curves([one(LONG, n)], key, after_step=9000 * n, until_step=9000 * n + LONG // 100),
    )
    yield (
        "a tenth of it",
        lambda n: curves([one(LONG, n)], key, after_step=9000 * n, until_step=9000 * n + LONG // 10),
    )
    yield "what is new of it: 50 points", lambda n: curves([one(LONG, n)], key, after_step=LONG - 51)
    yield "100 runs of 10,000 points overlaid, 200 each", lambda n: curves(some(USUAL, n), key, max_points=200)
    yield "100 runs of 500 points overlaid, 200 each", lambda n: curves(some(SHORT, n), key, max_points=200)
    yield "latest values of 100 runs, 5 metrics", lambda n: latest(some(USUAL, n))
    yield (
        "API: all 5 curves of a run of 10,000 points",
        lambda n: _get(client, f"/api/v1/jobs/{one(USUAL, n)}/metrics/curves"),
    )
    yield (
        "API: a curve of 1,000,000 points",
        lambda n: _get(client, f"/api/v1/jobs/{one(LONG, n)}/metrics/curves?key={KEYS[0]}"),
    )


def _get(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()["items"]


def measure(act: Callable[[int], Any], rounds: int) -> tuple[list[float], list[float], int, int]:
    """Milliseconds of wall and of CPU time of each round, and the statements and points of one."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        found = act(0)
    statements = len(asked)  # now: the next request clears the list
    points = sum(len(getattr(one, "steps", None) or one["steps"]) for one in found) if isinstance(found, list) else 0
    wall, cpu = [], []
    for n in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        act(n)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
    return wall, cpu, statements, points


def ingestion(seconds: float) -> Iterator[tuple[str, float, float]]:
    """Writing for a while in batches of each size: a name, points a second, milliseconds a batch (median)."""
    from apps.core.metrics import Point, points_upsert

    for size, keys in ((1, 1), (50, 5), (1000, 5), (1000, 1), (10_000, 5)):
        [job_id] = _jobs(1)
        names = KEYS[:keys]
        step, written, took = 0, 0, []
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            began = time.perf_counter()
            steps = max(1, size // keys)
            written += points_upsert(
                points=[Point(job_id, key, step + n, 0.5 + n) for n in range(steps) for key in names]
            )
            step += steps
            took.append(1000 * (time.perf_counter() - began))
        name = f"{size:,} point{'s' if size > 1 else ''} a batch, {keys} metric{'s' if keys > 1 else ''}"
        yield name, written / (sum(took) / 1000), statistics.median(took)


def main(argv: list[str] | None = None) -> int:
    """Seed, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="an empty database; default: SQLite in a temporary folder")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each way of writing is measured")
    parser.add_argument("--out", default="", help="write or renew the section of this database in a Markdown file")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="terrarium-points-") as folder:
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
        _write(Path(args.out), lines)
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

    from apps.core.models import MetricPoint, User

    settings.ALLOWED_HOSTS.append("testserver")
    call_command("migrate", verbosity=0)
    if MetricPoint.objects.exists():
        raise SystemExit("This database is in use: name an empty one.")
    began = time.monotonic()
    jobs = seed(args.points)
    print(f"seeded in {time.monotonic() - began:.0f} s", flush=True)
    with connection.cursor() as cursor:  # what is done by itself within minutes of so many rows
        cursor.execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")
    client = Client()
    client.force_login(User.objects.create(username="bench", role="admin", password=make_password(None)))
    load = [os.getloadavg()[0]]
    rows, slow = [], []
    for name, act in readings(jobs, client):
        wall, cpu, statements, points = measure(act, args.rounds)
        load.append(os.getloadavg()[0])
        p95 = quantile(wall, 0.95)
        rows.append(
            f"| {name} | {points or '-'} | {statements} | {statistics.median(wall):.1f} | {p95:.1f} "
            f"| {quantile(cpu, 0.95):.1f} |"
        )
        print(rows[-1], flush=True)
        if p95 > AIM_MS:
            slow.append(name)
    writes = [f"| {name} | {rate:,.0f} | {milliseconds:.1f} |" for name, rate, milliseconds in ingestion(args.seconds)]
    load.append(os.getloadavg()[0])
    return [
        f"## {'PostgreSQL' if connection.vendor == 'postgresql' else 'SQLite'}",
        "",
        f"{MetricPoint.objects.count():,} points, {_size():,.0f} MB with their blocks and indexes; {args.rounds} readings "
        f"each, Python {platform.python_version()}, {os.cpu_count()} cores at a load of {min(load):.0f} to {max(load):.0f}, "
        f"this measurement being 1 of it. Aim: p95 under {AIM_MS:.0f} ms. "
        + (f"Above it: {', '.join(slow)}." if slow else "Every reading keeps it."),
        "",
        "| reading | points | statements | median ms | p95 ms | CPU p95 ms |",
        "|---|--:|--:|--:|--:|--:|",
        *rows,
        "",
        "| writing | points/s | ms a batch |",
        "|---|--:|--:|",
        *writes,
        "",
    ]


def _size() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_total_relation_size('core_metricpoint') + pg_total_relation_size('core_metricblock')"
            )
            return float(cursor.fetchone()[0]) / 1e6
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return float(cursor.fetchone()[0]) / 1e6


def _write(path: Path, lines: list[str]) -> None:
    """Renew the section with this heading; the others stay."""
    head = "# Metric points\n\nMade by `python -m bench.metric_points` (see its text for what is seeded).\n"
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
