"""Hurt a lab at random while it works, then check that nothing was lost, doubled, stuck or left behind.

    python -m tests.chaos.run --work solves --jobs 300 --kills 50 --backend embedded|production [--seed N] [--keep]

Workers, fork servers, the children of jobs and the web server are killed (-9) and stopped (SIGSTOP, beyond the lease);
in production also Redis is flushed and PostgreSQL crashed and restarted. Clients follow the event log throughout.
The work is `solves`, a real experiment over ARC tasks through the code behind the web page, or `chores`, short jobs
that sleep and speak. The exit status is 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.chaos.lab import Lab
from tests.chaos.solves import TASKS, Solves
from tests.chaos.work import Chores, Work, patiently

if TYPE_CHECKING:
    from tests.chaos.recovery import Blow


@dataclass
class Harm:
    """What is done to the lab, and what was."""

    lab: Lab
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    only: tuple[str, ...] = ()
    blows: list[Blow] = field(default_factory=list)
    stopped: list[tuple[float, psutil.Process, Blow | None]] = field(default_factory=list)

    def once(self) -> None:
        """One harm, if its victim is there."""
        lab = self.lab
        ways: list[tuple[str, int, Callable[[str], bool]]] = [
            ("kill worker", 5, lambda name: self._kill(name, lab.working_workers())),
            ("kill fork server", 3, lambda name: self._kill(name, lab.fork_servers())),
            ("kill child", 5, lambda name: self._kill(name, lab.children())),
            ("stop worker", 2, lambda name: self._stop(name, lab.working_workers())),
            ("stop fork server", 1, lambda name: self._stop(name, lab.fork_servers())),
            ("stop child", 2, lambda name: self._stop(name, lab.children())),
            ("kill web server", 2, lambda name: self._kill(name, lab.web_servers())),
            ("stop web server", 1, lambda name: self._stop(name, lab.web_servers())),
            ("flush redis", 2 if lab.redis else 0, lambda _: self._flush()),
            ("crash database", 1 if lab.postgres else 0, lambda _: self._crash()),
        ]
        ways = [way for way in ways if not self.only or way[0] in self.only]
        [(name, _, act)] = self.chance.choices(ways, weights=[weight for _, weight, _ in ways])
        if act(name):
            self.done[name] += 1

    def resume(self) -> None:
        """Let those go on that were stopped long enough."""
        now = time.monotonic()
        for one in self.stopped[:]:
            until, process, blow = one
            if now >= until:
                self.stopped.remove(one)
                with contextlib.suppress(psutil.Error):
                    process.resume()
                if blow is not None:
                    self.blows[self.blows.index(blow)] = replace(blow, until=time.time())

    def _kill(self, name: str, victims: list[psutil.Process]) -> bool:
        return bool(victims) and self._hit(name, self.chance.choice(victims), signal.SIGKILL)[0]

    def _stop(self, name: str, victims: list[psutil.Process]) -> bool:
        if self.stopped or not victims:
            return False
        victim = self.chance.choice(victims)
        done, blow = self._hit(name, victim, signal.SIGSTOP)
        if done:
            self.stopped.append((time.monotonic() + self.lab.lease + 1.5, victim, blow))
        return done

    def _hit(self, name: str, victim: psutil.Process, number: int) -> tuple[bool, Blow | None]:
        """Send the signal and note whose jobs it hit, for the times until they run again."""
        from tests.chaos.recovery import Blow, held_by

        worker = self._worker_of(name, victim)
        try:
            victim.send_signal(number)
        except psutil.Error:
            return False, None
        at = time.time()
        if worker is None:
            return True, None
        leases: dict[tuple[str, int], float] = {}
        if name.endswith(" worker"):
            leases = patiently(lambda: held_by(worker))
        if name == "kill worker":
            self.lab.deaths[worker] = at
        blow = Blow(name, at, worker, leases, until=float("inf") if number == signal.SIGSTOP else 0.0)
        self.blows.append(blow)
        return True, blow

    @staticmethod
    def _worker_of(name: str, victim: psutil.Process) -> int | None:
        """The worker above a victim."""
        above = {"worker": 0, "fork server": 1, "child": 2}.get(name.partition(" ")[2])
        if above is None:
            return None
        with contextlib.suppress(psutil.Error, IndexError):
            return [victim, *victim.parents()][above].pid
        return None

    def _flush(self) -> bool:
        self.lab.flush_redis()
        return True

    def _crash(self) -> bool:
        self.lab.restart_database()
        return True


WORK: dict[str, type[Chores] | type[Solves]] = {"chores": Chores, "solves": Solves}


def main() -> int:
    """Run; the exit status is 1 when something is wrong."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="terrarium-chaos-"))
    lab = Lab(
        folder,
        backend=options.backend,
        lease=options.lease,
        workers=options.workers,
        concurrency=options.concurrency,
        worker=WORK[options.work].worker,
    )
    try:
        lab.run("manage.py", "migrate", "--verbosity", "0", "--skip-checks")
        if options.work == "solves":
            lab.run("manage.py", "import_tasks", "--sets", TASKS, "--skip-checks")
        for name in [name for name in os.environ if name.startswith("TERRARIUM_")]:
            del os.environ[name]
        os.environ.update(lab.environment)
        import django

        django.setup()
        logging.getLogger("httpx").setLevel(logging.WARNING)
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
    parser.add_argument("--work", choices=sorted(WORK), default="solves", help="default: solves")
    parser.add_argument("--jobs", type=int, default=300, help="cells of the experiment, or chores")
    parser.add_argument("--kills", type=int, default=50, help="harms done in all")
    parser.add_argument("--backend", choices=["embedded", "production"], default="embedded")
    parser.add_argument("--seed", type=int, default=None, help="of the harms")
    parser.add_argument("--lease", type=float, default=4.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=None, help="jobs a worker (default: 1 solve, 2 chores)")
    parser.add_argument(
        "--pause", type=float, default=None, help="mean seconds between harms (default: 3.0, chores 0.8)"
    )
    parser.add_argument("--patience", type=float, default=None, help="seconds for everything to end afterwards")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the experiment: so many cells a task")
    parser.add_argument("--seconds", type=float, default=1.0, help="core-seconds a cell may take")
    parser.add_argument("--references", type=int, default=100, help="answers compared with an undisturbed solver's")
    parser.add_argument("--only", action="append", default=[], help="a harm, such as 'kill worker'; may be repeated")
    parser.add_argument("--prompt", action="store_true", help="a job that comes back late is wrong too")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    options = parser.parse_args()
    solves = options.work == "solves"
    for name, value in (
        ("concurrency", 1 if solves else 2),
        ("pause", 3.0 if solves else 0.8),
        ("patience", 180.0 + 5.0 * options.jobs * options.seconds * solves),
    ):
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _work(options: argparse.Namespace, chance: random.Random) -> Work:
    from apps.core.models import Role, User

    owner = User.objects.create_user("chaos", role=Role.RESEARCHER)
    if options.work == "chores":
        return Chores(jobs=options.jobs, owner=owner, chance=chance)
    return Solves(
        cells=options.jobs,
        seeds=options.seeds,
        seconds=options.seconds,
        references=options.references,
        owner=owner,
    )


def _hurt(lab: Lab, options: argparse.Namespace) -> list[str]:
    from apps.core.accounts import api_key_create
    from apps.core.models import User
    from tests.chaos.checks import complaints, stream_complaints
    from tests.chaos.follower import Follower
    from tests.chaos.recovery import Births, Recovery, report

    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    print(
        f"{options.backend}: {options.jobs} {options.work}, {options.kills} harms, lease {options.lease:g} s, "
        f"{options.workers} x {options.concurrency} at once, seed {seed}",
        flush=True,
    )
    work = _work(options, random.Random(seed + 1))
    _, token = api_key_create(owner=User.objects.get(username="chaos"), name="follower", scopes=("read",))
    lab.keep()
    births = Births(lab)
    births.start()
    follower = Follower(lab.address, token)
    follower.start()
    began = time.monotonic()
    work.begin()
    of_topic = Follower(lab.address, token, topic=work.topics[0])
    of_topic.start()
    _until_at_work(lab)
    harm = Harm(lab, random.Random(seed), only=tuple(options.only))
    _harms(lab, work, harm, options)
    left = _wait(lab, work, options.patience)
    took = time.monotonic() - began
    print(f"{len(work.job_ids())} jobs ended in {took:.0f} s, {left} did not: {_statuses(work)}", flush=True)
    work.after(lab, patience=options.patience)
    births.stop()
    for one, topic in ((follower, ""), (of_topic, work.topics[0])):
        one.wait_for(_events(topic), seconds=20)
    time.sleep(1.0)
    follower.stop()
    of_topic.stop()
    print(f"harms: {dict(sorted(harm.done.items()))}")
    print(
        f"executions: {_outcomes()}; {_events('')} events, {_events(work.topics[0])} of the topic; "
        f"the clients connected {follower.connections} and {of_topic.connections} times"
    )
    lines, late = report(Recovery(lab, harm.blows, births), lease=lab.lease)
    print("\n".join(lines), flush=True)
    wrong = complaints(work.job_ids(), follower.seen, work.result_complaint)
    wrong += stream_complaints(follower) + stream_complaints(of_topic, topic=work.topics[0])
    wrong += work.complaints()
    if late and options.prompt:
        wrong.append(f"{late} jobs came back late although a healthy worker had a free slot")
    return wrong


def _until_at_work(lab: Lab, *, seconds: float = 900.0) -> None:
    """Until the first job runs: the first start of all compiles the solver, which is not what is to be hurt."""
    until = time.monotonic() + seconds
    while not lab.children() and time.monotonic() < until:
        lab.keep()
        time.sleep(0.2)


def _harms(lab: Lab, work: Work, harm: Harm, options: argparse.Namespace) -> None:
    """Do as many harms as wanted, keeping the lab up and at work."""
    while harm.done.total() < options.kills:
        time.sleep(harm.chance.uniform(0.5, 1.5) * options.pause)
        harm.resume()
        harm.once()
        time.sleep(0.1)
        lab.keep()
        if patiently(lambda: _open(work)) < 8:  # nothing left to hurt: more work
            work.more()
    while harm.stopped:
        time.sleep(0.1)
        harm.resume()


def _wait(lab: Lab, work: Work, patience: float) -> int:
    """Until everything has ended; how many jobs have not."""
    until = time.monotonic() + patience
    while (left := patiently(lambda: _open(work))) and time.monotonic() < until:
        lab.keep()
        time.sleep(0.3)
    return left


def _open(work: Work) -> int:
    from apps.core.models import Job

    return Job.objects.filter(topic__in=work.topics, finished_at__isnull=True).count()


def _events(topic: str) -> int:
    from apps.core.models import JobEvent

    return (JobEvent.objects.filter(topic=topic) if topic else JobEvent.objects.all()).count()


def _statuses(work: Work) -> dict[str, int]:
    from apps.core.models import Job

    return dict(Counter(Job.objects.filter(topic__in=work.topics).values_list("status", flat=True)))


def _outcomes() -> dict[str, int]:
    from apps.core.models import JobAttempt

    return dict(Counter(JobAttempt.objects.values_list("outcome", flat=True)))


if __name__ == "__main__":
    sys.exit(main())
