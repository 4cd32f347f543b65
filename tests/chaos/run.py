"""Hurt a lab at random while it works, then check that nothing was lost, doubled, stuck or left behind.

    python -m tests.chaos.run --jobs 300 --kills 50 --backend embedded|production [--seed N] [--keep]

Workers, fork servers, the children of jobs and the web server are killed (-9) and stopped (SIGSTOP, beyond the lease);
in production also Redis is flushed and PostgreSQL crashed and restarted. A client follows the event log throughout.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil

from tests.chaos.lab import Lab

if TYPE_CHECKING:
    from apps.core.models import User

T = TypeVar("T")


@dataclass
class Harm:
    """What is done to the lab, and what was."""

    lab: Lab
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    worker_kills: list[tuple[float, str]] = field(default_factory=list)
    stopped: list[tuple[float, psutil.Process]] = field(default_factory=list)

    def once(self) -> None:
        """One harm, if its victim is there."""
        ways: list[tuple[str, int, Callable[[], bool]]] = [
            ("kill worker", 5, self._kill_worker),
            ("kill fork server", 3, lambda: self._signal(self.lab.fork_servers(), signal.SIGKILL)),
            ("kill child", 5, lambda: self._signal(self.lab.children(), signal.SIGKILL)),
            ("stop worker", 2, lambda: self._stop(self.lab.working_workers())),
            ("stop fork server", 1, lambda: self._stop(self.lab.fork_servers())),
            ("stop child", 2, lambda: self._stop(self.lab.children())),
            ("kill web server", 2, self._kill_server),
            ("flush redis", 2 if self.lab.redis else 0, self._flush),
            ("crash database", 1 if self.lab.postgres else 0, self._crash),
        ]
        [(name, _, act)] = self.chance.choices(ways, weights=[weight for _, weight, _ in ways])
        if act():
            self.done[name] += 1

    def resume(self, *, all_of_them: bool = False) -> None:
        """Let those go on that were stopped long enough."""
        now = time.monotonic()
        for until, process in self.stopped[:]:
            if now >= until or all_of_them:
                self.stopped.remove((until, process))
                with contextlib.suppress(psutil.Error):
                    process.resume()

    def _signal(self, victims: list[psutil.Process], number: int) -> bool:
        if not victims:
            return False
        with contextlib.suppress(psutil.Error):
            self.chance.choice(victims).send_signal(number)
            return True
        return False

    def _kill_worker(self) -> bool:
        victims = self.lab.working_workers()
        if not victims:
            return False
        victim = self.chance.choice(victims)
        with contextlib.suppress(psutil.Error):
            victim.kill()
            self.worker_kills.append((time.time(), f"{socket.gethostname()}:{victim.pid}:"))
            return True
        return False

    def _stop(self, victims: list[psutil.Process]) -> bool:
        if self.stopped or not victims:
            return False
        victim = self.chance.choice(victims)
        with contextlib.suppress(psutil.Error):
            victim.suspend()
            self.stopped.append((time.monotonic() + self.lab.lease + 1.5, victim))
            return True
        return False

    def _kill_server(self) -> bool:
        server = self.lab.server
        if server is None or server.poll() is not None:
            return False
        server.kill()
        return True

    def _flush(self) -> bool:
        self.lab.flush_redis()
        return True

    def _crash(self) -> bool:
        self.lab.restart_database()
        return True


def main() -> int:
    """Run; the exit status is 1 when something is wrong."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="terrarium-chaos-"))
    lab = Lab(
        folder, backend=options.backend, lease=options.lease, workers=options.workers, concurrency=options.concurrency
    )
    try:
        lab.run("manage.py", "migrate", "--verbosity", "0", "--skip-checks")
        for name in [name for name in os.environ if name.startswith("TERRARIUM_")]:
            del os.environ[name]
        os.environ.update(lab.environment)
        import django

        django.setup()
        wrong = _hurt(lab, options)
    finally:
        left = lab.stop()
        lab.remove()
    wrong += [f"left behind: {line}" for line in left]
    for line in wrong[:40]:
        print(f"WRONG: {line}")
    print(
        "nothing was lost, doubled, stuck or left behind"
        if not wrong
        else f"{len(wrong)} things are wrong; see {folder}"
    )
    if not wrong and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return int(bool(wrong))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--backend", choices=["embedded", "production"], default="embedded")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--lease", type=float, default=4.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.8, help="mean seconds between two harms")
    parser.add_argument("--patience", type=float, default=180.0, help="seconds for everything to end afterwards")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


def _hurt(lab: Lab, options: argparse.Namespace) -> list[str]:
    from apps.core.accounts import api_key_create
    from apps.core.models import Role, User
    from tests.chaos.checks import complaints, recoveries
    from tests.chaos.follower import Follower
    from tests.workers import chores

    chores.register()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    print(
        f"{options.backend}: {options.jobs} jobs, {options.kills} harms, lease {options.lease:g} s, seed {seed}",
        flush=True,
    )
    chance = random.Random(seed)
    owner = User.objects.create_user("chaos", role=Role.RESEARCHER)
    _, token = api_key_create(owner=owner, name="follower", scopes=("read",))
    lab.keep()
    follower = Follower(lab.address, token)
    follower.start()
    harm = Harm(lab, chance)
    began = time.monotonic()
    job_ids = _enqueue(options.jobs, owner, chance, first=0)
    while harm.done.total() < options.kills:
        time.sleep(chance.uniform(0.5, 1.5) * options.pause)
        harm.resume()
        harm.once()
        time.sleep(0.1)
        lab.keep()
        if _patiently(_open) < 8:  # nothing left to hurt: more work
            job_ids += _enqueue(20, owner, chance, first=len(job_ids))
    harm.resume(all_of_them=True)
    until = time.monotonic() + options.patience
    while (left := _patiently(_open)) and time.monotonic() < until:
        lab.keep()
        time.sleep(0.3)
    took = time.monotonic() - began
    events = _patiently(_events)
    follower.wait_for(events, seconds=20)
    time.sleep(1.0)
    follower.stop()
    print(f"{len(job_ids)} jobs ended in {took:.0f} s, {left} did not: {_patiently(_statuses)}")
    print(f"harms: {dict(sorted(harm.done.items()))}")
    print(f"executions: {_patiently(_outcomes)}; {events} events; the client connected {follower.connections} times")
    times = sorted(recoveries(harm.worker_kills))
    if times:
        median, limit = times[len(times) // 2], lab.lease + 3
        prompt = sum(time <= limit for time in times)
        print(
            f"from a worker's death to its job queued again: median {median:.1f} s, at most {times[-1]:.1f} s; "
            f"{prompt} of {len(times)} within {limit:g} s (more where no worker was left meanwhile)"
        )
    wrong = complaints(job_ids, follower.seen)
    if follower.resets:
        wrong.append(f"the client was told to start over {follower.resets} times")
    return wrong


def _patiently(read: Callable[[], T]) -> T:
    """Read while the database may be away."""
    from django.db import InterfaceError, OperationalError, connection

    while True:
        try:
            return read()
        except (OperationalError, InterfaceError):
            connection.close()
            time.sleep(0.2)


def _enqueue(count: int, owner: User, chance: random.Random, *, first: int) -> list[str]:
    from apps.core.jobs import JobSpec, jobs_enqueue

    specs = [
        JobSpec(
            "counted",
            {"n": first + index, "seconds": round(chance.uniform(0.05, 0.5), 3), "steps": chance.randint(1, 4)},
            topic="chaos",
            max_attempts=20,
        )
        for index in range(count)
    ]
    return [job.pk for job in _patiently(lambda: jobs_enqueue(specs=specs, owner=owner))]


def _open() -> int:
    from apps.core.models import Job

    return Job.objects.filter(topic="chaos", finished_at__isnull=True).count()


def _events() -> int:
    from apps.core.models import JobEvent

    return JobEvent.objects.filter(job__topic="chaos").count()


def _statuses() -> dict[str, int]:
    from apps.core.models import Job

    return dict(Counter(Job.objects.filter(topic="chaos").values_list("status", flat=True)))


def _outcomes() -> dict[str, int]:
    from apps.core.models import JobAttempt

    return dict(Counter(JobAttempt.objects.values_list("outcome", flat=True)))


if __name__ == "__main__":
    sys.exit(main())
