"""How fast the queue is: durable no-op jobs against plain Celery, claims from long queues, time to start and to cancel.

    python -m bench.jobs --backend embedded|production [--count 500] [--rounds 5] [--out docs/benchmarks/jobs.md]

Both sides run in the same session on the same broker with the same number of threads: producers put jobs in one at a
time while a worker with eight threads takes them out, and the clock runs until the last is done. Rounds alternate; medians are reported.
A durable no-op is written down with its execution, its events and its end in a database before it counts as done.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chaos.lab import ROOT, Lab
from tests.chaos.work import Chores

if TYPE_CHECKING:
    from apps.core.models import Job, User

CONCURRENCY = 8
Row = tuple[str, str]


def main() -> None:
    """Measure and print; with --out also write."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="terrarium-bench-"))
    urls = (options.database_url, options.redis_url) if options.backend == "production" else None
    lab = Lab(
        folder,
        backend=options.backend,
        lease=15,
        workers=1,
        concurrency=CONCURRENCY,
        worker=Chores.worker,
        urls=urls,
    )
    try:
        lab.run("manage.py", "migrate", "--verbosity", "0", "--skip-checks")
        for name in [name for name in os.environ if name.startswith("TERRARIUM_")]:
            del os.environ[name]
        os.environ.update(lab.environment)
        import django

        django.setup()
        rows = _measure(lab, options)
    finally:
        lab.stop()
        lab.remove()
    table = _table(options, rows)
    print(table)
    if options.out:
        _write(Path(options.out), options.backend, table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=["embedded", "production"], default="embedded")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queued", type=int, nargs="*", default=[12_000, 100_000])
    parser.add_argument("--producers", type=int, default=1, help="threads that put in, on both sides")
    parser.add_argument("--out", default="")
    parser.add_argument(
        "--database-url", default="postgresql:///terrarium_bench", help="an empty database (production)"
    )
    parser.add_argument("--redis-url", default="redis://127.0.0.1:6379/1", help="a Redis database to use (production)")
    return parser.parse_args()


def _measure(lab: Lab, options: argparse.Namespace) -> list[Row]:
    from apps.core.models import User
    from tests.workers import chores

    chores.register()
    owner = User.objects.get_or_create(username="bench")[0]
    rows = [("one small commit to this database", _commit()), *_claims(owner, options.queued)]
    plain = subprocess.Popen(
        [sys.executable, "-m", "bench.plain_celery", str(CONCURRENCY)],
        cwd=ROOT,
        env=lab.environment,
        stderr=(lab.folder / "plain.log").open("wb"),
        stdout=subprocess.DEVNULL,
    )
    lab.keep_workers()
    try:
        _until(lambda: _workers() == 1 and (lab.folder / "plain-done").exists())
        _until(lambda: _celery_round(lab, 5)[0] > 0)  # both have started
        _jobs_round(owner, 20, 1)
        rows += _against_celery(lab, owner, options)
        rows += _in_children(owner, options.count // 2)
        rows += _latencies(owner)
    finally:
        plain.terminate()
        plain.wait()
    return rows


def _workers() -> int:
    from apps.core.models import Worker

    return Worker.objects.count()


def _until(check: Callable[[], bool], *, every: float = 0.02, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise TimeoutError("nothing happens any more")
        time.sleep(every)


def _open(kind: str) -> int:
    from apps.core.models import Job

    return Job.objects.filter(kind=kind, finished_at__isnull=True).count()


# --- throughput -----------------------------------------------------------------------------------------------------


def _against_celery(lab: Lab, owner: User, options: argparse.Namespace) -> list[Row]:
    ours, theirs, ratios, bulk, lost = [], [], [], [], 0
    for number in range(1, options.rounds + 1):
        rate, missing = _celery_round(lab, options.count, options.producers)
        theirs.append(rate)
        lost += missing
        ours.append(_jobs_round(owner, options.count, options.producers))
        bulk.append(_jobs_round(owner, options.count, 0))
        ratios.append(ours[-1] / theirs[-1])
        print(f"round {number}: Celery {theirs[-1]:.0f}/s, jobs {ours[-1]:.0f}/s, in bulk {bulk[-1]:.0f}/s", flush=True)
    return [
        (
            f"plain Celery, no-op tasks ({lost} of {options.rounds * options.count} lost)",
            f"{statistics.median(theirs):.0f}/s",
        ),
        ("durable no-op jobs, put in one at a time", f"{statistics.median(ours):.0f}/s"),
        ("the same as a share of Celery (median of rounds)", f"{statistics.median(ratios):.2f}"),
        ("durable no-op jobs, put in together", f"{statistics.median(bulk):.0f}/s"),
        ("the same as a share of Celery", f"{statistics.median(b / t for b, t in zip(bulk, theirs, strict=True)):.2f}"),
    ]


def _celery_round(lab: Lab, count: int, producers: int = 1) -> tuple[float, int]:
    """Tasks a second, and how many were lost: with the file-based broker that happens."""
    from bench.plain_celery import noop

    before, _ = _celery_done(lab)
    began = time.time()
    _by_many(count, producers, lambda _: noop.delay())
    done, last, quiet = before, began, time.monotonic()
    while done - before < count and time.monotonic() - quiet < 3.0:
        time.sleep(0.02)
        now, last = _celery_done(lab)
        if now > done:
            done, quiet = now, time.monotonic()
    return (done - before) / max(last - began, 1e-3), count - (done - before)


def _celery_done(lab: Lab) -> tuple[int, float]:
    number, moment = (lab.folder / "plain-done").read_text().split()
    return int(number), float(moment)


def _jobs_round(owner: User, count: int, producers: int) -> float:
    """Jobs a second, put in by so many threads; by none: all together."""
    from apps.core.jobs import JobSpec, job_enqueue, jobs_enqueue

    began = time.time()
    if producers:
        _by_many(count, producers, lambda index: job_enqueue(kind="noop", payload={"n": index}, owner=owner))
    else:
        jobs_enqueue(specs=[JobSpec("noop", {"n": index}) for index in range(count)], owner=owner)
    _until(lambda: _open("noop") == 0)
    return count / (_last_end("noop") - began)


def _by_many(count: int, producers: int, put: Callable[[int], Any]) -> None:
    """Put in `count`, by so many threads."""
    from django.db import connection

    def some(first: int) -> None:
        for index in range(first, count, producers):
            put(index)
        connection.close()

    with ThreadPoolExecutor(producers) as pool:
        list(pool.map(some, range(producers)))


def _last_end(kind: str) -> float:
    from django.db.models import Max

    from apps.core.models import Job

    moment = Job.objects.filter(kind=kind).aggregate(last=Max("finished_at"))["last"]
    assert moment is not None
    return float(moment.timestamp())


def _in_children(owner: User, count: int) -> list[Row]:
    from apps.core.jobs import JobSpec, jobs_enqueue

    began = time.time()
    jobs_enqueue(specs=[JobSpec("counted", {"n": n, "seconds": 0, "steps": 1}) for n in range(count)], owner=owner)
    _until(lambda: _open("counted") == 0)
    return [("jobs that do nothing in a child process each", f"{count / (_last_end('counted') - began):.0f}/s")]


def _commit() -> str:
    """What the disk allows: a durable queue waits for it."""
    from apps.core.models import QueueState

    times = []
    for index in range(40):
        began = time.perf_counter()
        QueueState.objects.update_or_create(queue="bench", defaults={"virtual_time": float(index)})
        times.append(time.perf_counter() - began)
    return _spread(times)


# --- claims ---------------------------------------------------------------------------------------------------------


def _claims(owner: User, sizes: list[int]) -> list[Row]:
    from apps.core.jobs.lease import claim
    from apps.core.models import Job

    rows, made = [], 0
    for size in sizes:
        _fill(size - made, owner)
        made = size
        began = time.perf_counter()
        taken = [claim(queue="long", worker="bench", host="bench", lease_seconds=600)[0] for _ in range(300)]
        seconds = time.perf_counter() - began
        assert len({job.pk for job in taken}) == 300
        rows.append((f"claims, one at a time, {size:,} queued", f"{300 / seconds:.0f}/s"))
    Job.objects.filter(queue="long").delete()
    return rows


def _fill(count: int, owner: User) -> None:
    """Queue many jobs of ten users, straight into the table."""
    from apps.core import ids
    from apps.core.models import Job

    batch: list[Job] = []
    for index in range(count):
        batch.append(
            Job(
                job_id=ids.new_job_id(), kind="noop", queue="long", owner=owner, fair_tag=float(index // 10), last_seq=1
            )
        )
        if len(batch) == 2000 or index == count - 1:
            Job.objects.bulk_create(batch)
            batch = []


# --- latencies ------------------------------------------------------------------------------------------------------


def _latencies(owner: User) -> list[Row]:
    from apps.core.jobs import job_cancel, job_enqueue
    from apps.core.models import Job

    starts, cancels = [], []
    for index in range(15):
        time.sleep(0.3)
        began = time.time()
        job = job_enqueue(kind="nap", payload={"seconds": 600}, owner=owner)
        _until(lambda job=job: Job.objects.get(pk=job.pk).started_at is not None, every=0.005)  # type: ignore[misc]
        started: Any = Job.objects.get(pk=job.pk).started_at
        starts.append(started.timestamp() - began)
        time.sleep(0.3 + index * 0.031)  # not in step with the worker's pulse
        began = time.time()
        job_cancel(job=job, by=None)
        _until(lambda job=job: Job.objects.get(pk=job.pk).is_terminal, every=0.005)  # type: ignore[misc]
        finished: Any = Job.objects.get(pk=job.pk).finished_at
        cancels.append(finished.timestamp() - began)
    return [
        ("from enqueue to running, idle worker", _spread(starts)),
        ("from cancel to cancelled, process gone", _spread(cancels)),
    ]


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered) * 1000:.0f} ms, at most {ordered[-1] * 1000:.0f} ms"


# --- the report -----------------------------------------------------------------------------------------------------


def _table(options: argparse.Namespace, rows: list[Row]) -> str:
    from django.db import connection

    database = f"{connection.vendor} {'.'.join(str(part) for part in connection.get_database_version())}"
    broker = "Redis" if options.backend == "production" else "files"
    lines = [
        f"## {options.backend.title()}: {database}, broker on {broker}",
        "",
        f"`python -m bench.jobs --backend {options.backend} --count {options.count} --rounds {options.rounds} "
        f"--producers {options.producers}`, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {CONCURRENCY} threads on both sides, "
        f"load average {os.getloadavg()[1]:.1f} from other work.",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {name} | {figure} |" for name, figure in rows),
        "",
    ]
    return "\n".join(lines)


def _write(path: Path, backend: str, table: str) -> None:
    """Replace this back end's part of the page, keep the other's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# The queue\n\n{__doc__.split(chr(10) * 2, 1)[1].split(chr(10) * 2, 1)[1].strip()}\n\n" if __doc__ else ""
    parts: dict[str, str] = {}
    if path.exists():
        for part in path.read_text().split("\n## ")[1:]:
            parts[part.split(":", 1)[0].lower()] = "## " + part.rstrip() + "\n"
    parts[backend] = table
    path.write_text(head + "\n".join(parts[name] for name in sorted(parts)))


if __name__ == "__main__":
    main()
