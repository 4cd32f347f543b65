"""What a large import takes: seconds, memory of each process, and how long anybody else waits meanwhile.

    python -m bench.imports --out docs/benchmarks/imports.md

Starts a web server and a worker on a SQLite database of their own, sends one upload after the other by the API, and
follows each until its tasks can be seen. All the while another process commits a small write every 20 ms and notes how
long it took, and another one asks for the gallery. Memory is the resident set of each process, sampled; that of the reading
job is of its own process.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
WRITER_SECONDS = 0.02
HEAD = """# Imports

Made by `python -m bench.imports`: a web server, a worker and a SQLite database of their own on this machine; uploads by
the API. "Another writer" commits a small change every 20 ms in a process of its own. Memory is the highest resident
set seen while the import ran; "before" is that of the same process when idle.

"""

WORKER = """
import django; django.setup()
import signal, threading
from workers import runners
from workers.supervisor import Supervisor
runners.load(["workers.imports"])
worker = Supervisor(slots={"cpu": 1})
worker.start()
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
stop.wait()
worker.stop(); worker.join()
"""


def tasks(count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """So many different tasks of the usual size."""
    from apps.tasks.engine.formats import load_canonical, task_to_json

    base = [task_to_json(task) for task in load_canonical("arc2/training")]
    for number in range(count):
        made = json.loads(json.dumps(base[number % len(base)]))
        for place, value in (("train", number % 10), ("test", number // 10 % 10)):
            made[place][0]["input"][0][0] = value
        made["train"][0]["output"][0][0] = (number // 100 + seed) % 10
        yield f"s{seed}t{number:05d}", made


def one_file(path: Path, megabytes: float, seed: int) -> int:
    """A collection of about that size in one file; how many tasks it holds."""
    size = count = 0
    with open(path, "w") as file:
        for name, made in tasks(60_000, seed):
            text = f"{',' if count else '{'}\n{json.dumps(name)}: {json.dumps(made)}"
            size, count = size + len(text), count + 1
            file.write(text)
            if size > megabytes * 1e6:
                break
        file.write("}\n")
    return count


def many_files(path: Path, count: int, seed: int) -> int:
    """A zip with a file a task."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, made) in enumerate(tasks(count, seed)):
            folder = "training" if number % 5 else "evaluation"
            archive.writestr(f"data/{folder}/{name}.json", json.dumps(made, indent=None if number % 2 else 1))
    return count


class Watcher:
    """Samples the memory of processes, writes beside the import and looks at the gallery; the worst of each."""

    def __init__(self, database: Path, client: httpx.Client, processes: dict[str, psutil.Process]) -> None:
        self._database, self._client, self._processes = database, client, processes
        self._stop = threading.Event()
        self.memory: dict[str, float] = defaultdict(float)
        self.waits: list[float] = []
        self.pages: list[float] = []

    def at_rest(self, seconds: float) -> None:
        """How long the writer waits while nothing is imported, which says what the machine itself does."""
        with self.watching():
            time.sleep(seconds)
        self._stop.clear()

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """While the block runs."""
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self._database), str(WRITER_SECONDS)], stdout=subprocess.PIPE, text=True
        )
        threads = [threading.Thread(target=work) for work in (self._sample, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            writer.send_signal(signal.SIGTERM)
            self.waits = json.loads(writer.communicate()[0] or "[]")
            for thread in threads:
                thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.02):
            for name, process in self._processes.items():
                self._note(name, process)
                if name == "worker":
                    for child in process.children(recursive=True):
                        self._note("reading", child)

    def _note(self, name: str, process: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess):
            self.memory[name] = max(self.memory[name], process.memory_info().rss / 1e6)

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            began = time.monotonic()
            self._client.get("/api/v1/tasks?page_size=20").raise_for_status()
            self.pages.append(time.monotonic() - began)


WRITER = """
import json, signal, sqlite3, sys, time
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
base = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
base.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE IF NOT EXISTS bench_probe (n integer);")
waits = []
while not stop:
    began = time.monotonic()
    base.execute("BEGIN IMMEDIATE")
    waits.append(time.monotonic() - began)
    base.execute("INSERT INTO bench_probe VALUES (1)")
    base.execute("COMMIT")
    time.sleep(float(sys.argv[2]))
print(json.dumps(waits))
"""


def run(client: httpx.Client, path: Path, count: int, watcher: Watcher) -> dict[str, Any]:
    """Send a file, wait until its tasks can be seen."""
    with watcher.watching():
        began = time.monotonic()
        with open(path, "rb") as file:
            sent = client.post(
                "/api/v1/tasks/import/files", files={"files": (path.name, file)}, data={"dataset": "bench"}
            )
        sent.raise_for_status()
        accepted = time.monotonic() - began
        state = {"state": "done", "created": len(sent.json()["created"])} if sent.status_code == 200 else sent.json()
        read = accepted
        while state["state"] not in ("done", "failed"):
            time.sleep(0.2)
            state = client.get(f"/api/v1/tasks/imports/{state['import_id']}").json()
            read = time.monotonic() - began if state["state"] == "reading" else read
        taken = time.monotonic() - began
    if state["state"] == "failed" or state["created"] != count:
        raise SystemExit(f"{path.name}: {state}")
    return {"accepted": accepted, "read": read, "taken": taken, "waits": watcher.waits, "pages": watcher.pages}


def row(
    name: str, size: float, count: int, found: dict[str, Any], memory: dict[str, float], idle: dict[str, float]
) -> str:
    """A line of the table."""
    waits, pages = sorted(found["waits"]), sorted(found["pages"])
    if not count:
        times = "| – | – | – "
    else:
        times = f"| {found['accepted']:.1f} s | {found['read']:.0f} s | {found['taken']:.0f} s "
    return (
        f"| {name} | {size:.0f} MB, {count:,} tasks {times}"
        f"| {memory['reading']:.0f} MB | {memory['worker']:.0f} MB ({idle['worker']:.0f}) | {memory['web']:.0f} MB ({idle['web']:.0f}) "
        f"| {1000 * waits[len(waits) // 2]:.0f} / {1000 * waits[int(len(waits) * 0.99)]:.0f} / {1000 * waits[-1]:.0f} ms ({len(waits):,}) "
        f"| {1000 * pages[len(pages) // 2]:.0f} / {1000 * pages[-1]:.0f} ms |"
    )


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[23, 195])
    parser.add_argument("--files", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="terrarium-bench-") as folder:
        lines = measure(Path(folder), options)
    text = (
        HEAD
        + f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}.\n\n"
    )
    text += (
        "| upload | size | request answered | read after | visible after | peak: reading | worker (before) | web (before) "
        "| another writer waits: median / 99 % / most (writes) | a list of 20 tasks by the API: median / most |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    text += "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text)


def measure(folder: Path, options: argparse.Namespace) -> list[str]:
    """Each upload in turn."""
    os.environ.update({"TERRARIUM_STORAGE_ROOT": str(folder / "lab"), "DJANGO_SETTINGS_MODULE": "config.settings"})
    os.environ["TERRARIUM_LOG_LEVEL"] = "WARNING"
    import django

    django.setup()
    from django.core.management import call_command

    from apps.core.accounts import api_key_create
    from apps.core.models import Role, User
    from tests.services import free_port

    call_command("migrate", verbosity=0)
    curator = User.objects.create(username="bench", role=Role.CURATOR)
    _, key = api_key_create(owner=curator, name="bench", scopes=["read", "write"])
    port = free_port()
    environment = os.environ | {"TERRARIUM_API_REQUESTS_PER_MINUTE": "1000000"}
    web = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "warning"],
        env=environment, cwd=ROOT,
    )  # fmt: skip
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment, cwd=ROOT)
    processes = {"web": psutil.Process(web.pid), "worker": psutil.Process(worker.pid)}
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=600) as client:
            wait_for(client)
            idle = {name: process.memory_info().rss / 1e6 for name, process in processes.items()}
            rest = Watcher(Path(folder / "lab" / "terrarium.sqlite3"), client, processes)
            rest.at_rest(15.0)
            lines = [row("nothing", 0, 0, {"waits": rest.waits, "pages": rest.pages}, rest.memory, idle)]
            sys.stderr.write(lines[-1] + "\n")
            uploads: list[tuple[str, float]] = [*(("one file", size) for size in options.megabytes)]
            uploads.append(("a zip of files", options.files))
            for seed, (name, amount) in enumerate(uploads):
                path = folder / f"upload{seed}{'.json' if name == 'one file' else '.zip'}"
                count = one_file(path, amount, seed) if name == "one file" else many_files(path, int(amount), seed)
                watcher = Watcher(Path(folder / "lab" / "terrarium.sqlite3"), client, processes)
                found = run(client, path, count, watcher)
                size = unpacked(path) / 1e6
                lines.append(row(name, size, count, found, watcher.memory, idle))
                sys.stderr.write(lines[-1] + "\n")
            return lines
    finally:
        for process in (web, worker):
            process.terminate()
            process.wait(timeout=60)


def unpacked(path: Path) -> int:
    """Bytes of what is inside."""
    if path.suffix != ".zip":
        return path.stat().st_size
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def wait_for(client: httpx.Client) -> None:
    """Until the server answers."""
    for _ in range(600):
        try:
            client.get("/healthz")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("The web server did not start.")


if __name__ == "__main__":
    main()
