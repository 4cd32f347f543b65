"""How live delivery performs: commit to client, what listening costs, and reads of a log of a million events.

    python -m bench.live [--database-url URL --redis-url URL] [--rounds 5] [--rows 1000000] [--out docs/benchmarks/live.md]

The server, the writer and the clients are processes of their own. A latency runs from the return of the writer's
commit to the receipt of the message, on the machine's one monotonic clock. Figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import websockets

if TYPE_CHECKING:
    from apps.core.live.log import Position

ROOT = Path(__file__).resolve().parent.parent
SOCKETS = 50
EVENTS = 100
PAUSE_SECONDS = 0.03
BURST = 1000
IDLE_SECONDS = 6.0
Row = tuple[str, str]


def main() -> None:
    """Measure each back end in an interpreter of its own; print, and with --out also write."""
    options = _options()
    if options.measure:
        print(json.dumps(_measure(options)))
        return
    columns: dict[str, list[Row]] = {"embedded (SQLite)": _run({}, options)}
    if options.database_url:
        extra = {"DATABASE_URL": options.database_url, "REDIS_URL": options.redis_url or ""}
        columns["PostgreSQL and Redis" if options.redis_url else "PostgreSQL"] = _run(extra, options)
    text = _table(columns, options)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database-url", help="an empty PostgreSQL database, to measure that back end too")
    parser.add_argument("--redis-url")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--part", choices=["all", "delivery", "reads"], default="all")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(extra: dict[str, str], options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="terrarium-bench-") as storage:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TERRARIUM_")}
        kept = {name: value for name, value in kept.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        environment = {**kept, **extra, "TERRARIUM_STORAGE_ROOT": storage, "DJANGO_SETTINGS_MODULE": "config.settings"}
        command = [sys.executable, "-m", "bench.live", "--measure"]
        command += ["--rounds", str(options.rounds), "--rows", str(options.rows), "--part", options.part]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True)
        rows = [(name, value) for name, value in json.loads(done.stdout.splitlines()[-1])]
        print("\n".join(f"{name}: {value}" for name, value in rows), file=sys.stderr)
        return rows


def _measure(options: argparse.Namespace) -> list[Row]:
    import django

    django.setup()
    from django.core.management import call_command

    from apps.core.accounts import api_key_create
    from apps.core.models import User

    call_command("migrate", verbosity=0, interactive=False)
    _key, key = api_key_create(owner=User.objects.create(username="bench"), name="bench", scopes=("read",))
    rows: list[Row] = []
    if options.part != "reads":
        server = _Server()
        try:
            rows = asyncio.run(_deliveries(server, key, options.rounds))
        finally:
            server.stop()
    return rows if options.part == "delivery" else rows + _reads(options.rows, options.rounds)


class _Server:
    """The product's server on the measured database."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(self.port)]
        self.process = subprocess.Popen([*command, "--log-level", "warning"], cwd=ROOT, stdout=subprocess.DEVNULL)
        self.measured = psutil.Process(self.process.pid)
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5)
                return
            except OSError:
                time.sleep(0.1)

    def cpu_seconds(self) -> float:
        """CPU time of the process so far."""
        times = self.measured.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """Resident memory now."""
        return float(self.measured.memory_info().rss / 2**20)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


async def _deliveries(server: _Server, key: str, rounds: int) -> list[Row]:
    quiet = await _idle(server)
    rows: list[Row] = []
    for sockets in (1, SOCKETS):
        clients = await _connect(server, key, sockets)
        listening = await _idle(server)
        p50, p95 = await _latencies(clients, rounds)
        rows += [
            (f"commit to client, {sockets} socket{'s' * (sockets > 1)}, median", f"{p50:.0f} ms"),
            (f"commit to client, {sockets} socket{'s' * (sockets > 1)}, p95", f"{p95:.0f} ms"),
            (f"idle CPU of the server, {sockets} listening", f"{listening:.2f} % of a core"),
        ]
        if sockets == SOCKETS:
            before = server.memory_mb()
            rate, lost = await _burst(clients, rounds)
            rows += [
                (f"burst of {BURST:,} events to {SOCKETS} sockets", f"{rate:,.0f} messages/s"),
                ("lost or doubled in the bursts", str(lost)),
                ("memory grown by the bursts", f"{server.memory_mb() - before:.0f} MB"),
            ]
        for client in clients:
            await client.close()
    pages = await _connect(server, key, 1, "/ws/live/?page=shell")
    rows.append(("idle CPU of the server, a page listening", f"{await _idle(server):.2f} % of a core"))
    await pages[0].close()
    return [*rows, ("idle CPU of the server, nobody listening", f"{quiet:.2f} % of a core")]


async def _connect(server: _Server, key: str, count: int, path: str = "/ws/events/?topic=bench") -> list[Any]:
    url = f"ws://127.0.0.1:{server.port}{path}"
    headers = {"authorization": f"Bearer {key}"}
    clients = [await websockets.connect(url, additional_headers=headers, max_queue=None) for _ in range(count)]
    for client in clients:
        await client.recv()
    return clients


async def _idle(server: _Server) -> float:
    await asyncio.sleep(4.0)  # whatever lingers
    before, began = server.cpu_seconds(), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    return 100 * (server.cpu_seconds() - before) / (time.monotonic() - began)


async def _latencies(clients: list[Any], rounds: int) -> tuple[float, float]:
    middles, tails = [], []
    for _ in range(rounds):
        received = [asyncio.create_task(_receive(client, EVENTS)) for client in clients]
        written = await _write("one", EVENTS)
        delays = sorted(1000 * (at - written[number]) for one in await asyncio.gather(*received) for number, at in one)
        middles.append(statistics.median(delays))
        tails.append(delays[int(0.95 * len(delays))])
    return statistics.median(middles), statistics.median(tails)


async def _burst(clients: list[Any], rounds: int) -> tuple[float, int]:
    rates, wrong = [], 0
    for _ in range(rounds):
        received = [asyncio.create_task(_receive(client, BURST)) for client in clients]
        written = await _write("burst", BURST)
        came = await asyncio.gather(*received)
        last = max(at for one in came for _, at in one)
        rates.append(len(clients) * BURST / max(1e-9, last - min(written.values())))
        wrong += sum([number for number, _ in one] != list(range(BURST)) for one in came)
    return statistics.median(rates), wrong


async def _receive(client: Any, count: int) -> list[tuple[int, float]]:
    came: list[tuple[int, float]] = []
    while len(came) < count:
        told = json.loads(await client.recv())
        if told["type"] == "log":
            came.append((int(told["message"]), time.monotonic()))
    return came


async def _write(how: str, count: int) -> dict[int, float]:
    """When each event was committed, by a writer of its own process."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, how, str(count), str(PAUSE_SECONDS), cwd=ROOT, stdout=subprocess.PIPE
    )
    output, _ = await writer.communicate()
    return {int(number): at for number, at in json.loads(output.splitlines()[-1]).items()}


_WRITER = """
import json, sys, time
import django
django.setup()
from apps.core.jobs.events import EventEntry, event_emit, events_emit
from apps.core.jobs.reports import Log
how, count, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
written = {}
if how == "burst":
    events_emit([EventEntry("log", {"message": str(n)}, topic="bench") for n in range(count)])
    written[0] = time.monotonic()
else:
    for n in range(count):
        time.sleep(pause)
        event_emit(Log.heard({"message": str(n)}), topic="bench")
        written[n] = time.monotonic()
print(json.dumps(written))
"""


def _reads(rows: int, rounds: int) -> list[Row]:
    from apps.core.live.log import EVERYTHING, Position, Scope, floor, head, read
    from apps.core.models import JobEvent

    _fill(rows)
    middle = JobEvent.objects.order_by("id")[rows // 2]
    start, half, end = floor(), Position(middle.xid, middle.pk), head()
    cases: list[tuple[str, Scope, Position]] = [
        ("at the end of the feed (an idle poll)", EVERYTHING, end),
        ("500 from the middle of the feed", EVERYTHING, half),
        ("500 of a topic from the start", Scope(topic="topic_7"), start),
        ("500 of a job from the start", Scope(job_id="job_7"), start),
        ("500 of a job from the middle", Scope(job_id="job_7"), half),
        ("a topic from the end", Scope(topic="topic_7"), end),
        ("500 of a page (topic or job) from the middle", Scope(names=frozenset({"topic_7", "job_9"})), half),
        ("500 changes of status from the middle", Scope(types=frozenset({"status_change"})), half),
    ]
    return [
        (f"read of {rows:,}: {name}", _timed(functools.partial(read, scope, after), rounds))
        for name, scope, after in cases
    ]


def _timed(call: Callable[[], Any], rounds: int) -> str:
    call()
    times = []
    for _ in range(max(5, rounds)):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return f"{1000 * statistics.median(times):.2f} ms"


def _fill(rows: int) -> None:
    """A thousand jobs in a hundred topics, their events interleaved, in many transactions."""
    from django.db import connection
    from django.utils import timezone

    from apps.core.models import Job

    Job.objects.bulk_create([Job(job_id=f"job_{n}", kind="noop", topic=f"topic_{n % 100}") for n in range(1000)])
    if connection.vendor == "sqlite":
        series = "WITH RECURSIVE g(n) AS (SELECT %s UNION ALL SELECT n + 1 FROM g WHERE n < %s) "
        source = "g"
    else:
        series, source = "WITH g AS (SELECT generate_series(%s::bigint, %s::bigint) AS n) ", "g"
    insert = (
        f"{series}INSERT INTO core_jobevent (job_id, topic, seq, type, payload, at) "
        "SELECT 'job_' || (n %% 1000), 'topic_' || (n %% 100), 1 + n / 1000, "
        "CASE WHEN n %% 20 = 0 THEN 'status_change' ELSE 'log' END, "
        '\'{"level": "info", "message": "a line of the usual length, as a solver writes it"}\', %s '
        f"FROM {source}"
    )
    if connection.vendor == "sqlite":  # the WITH of an INSERT stands before it there as well, but after INSERT INTO
        head, tail = insert.split("INSERT INTO", 1)
        target, select = tail.split("SELECT 'job_'", 1)
        insert = f"INSERT INTO{target}{head}SELECT 'job_'{select}"
    step = 1000
    with connection.cursor() as cursor:
        for first in range(0, rows, step):
            cursor.execute(insert, [first, first + step - 1, timezone.now()])
        cursor.execute("ANALYZE")


def _table(columns: dict[str, list[Row]], options: argparse.Namespace) -> str:
    names = [name for name, _ in next(iter(columns.values()))]
    values = [dict(rows) for rows in columns.values()]
    lines = [
        "# Live delivery",
        "",
        "    python -m bench.live --database-url URL --redis-url URL --out docs/benchmarks/live.md",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load average at the end "
        f"{os.getloadavg()[0]:.1f}; medians over {options.rounds} rounds of {EVENTS} events, one every "
        f"{1000 * PAUSE_SECONDS:.0f} ms; server, writer and clients share the cores.",
        "",
        f"| | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
        *(f"| {name} | {' | '.join(column[name] for column in values)} |" for name in names),
        "",
        "Commit to client is at most the poll without Redis (50 ms) plus the delivery; with Redis a commit wakes the",
        "server. Aims: p95 under 300 ms embedded, under 100 ms with Redis.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
