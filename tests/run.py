"""`make test`: the whole suite on SQLite, what touches a database again on PostgreSQL and Redis, and the browser tests.

A back end that cannot be had is named at the end, with what to install; with CI=true it is a failure. The last line
counts over all suites.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.services import backends

ROOT = Path(__file__).resolve().parent.parent
WITH_DATABASE = ["tests/apps", "tests/workers", "tests/chaos", "tests/upgrades", "tests/architecture/test_contract.py"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PARALLEL = ("-n", "2", "--dist", "loadfile")


@dataclass
class Outcome:
    """What became of the suites so far."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: bool = False
    lacking: list[str] = field(default_factory=list)

    def closing_lines(self, *, required: bool) -> list[str]:
        """What is said last: what was not run, and the sum."""
        word = "FAILED, NOT RUN" if required else "WARNING, NOT RUN"
        lines = [f"{word}: {lack}" for lack in self.lacking]
        failed = self.failed + (len(self.lacking) if required else 0)
        if self.broken and not failed:  # a run that ended before it could count, such as one without a collected test
            failed = 1
        return [*lines, f"{self.passed} passed, {failed} failed, {self.skipped} skipped"]

    def is_bad(self, *, required: bool) -> bool:
        """Whether the whole has failed."""
        return self.broken or self.failed > 0 or (required and bool(self.lacking))


def run_pytest(label: str, arguments: Sequence[str], extra: dict[str, str], outcome: Outcome) -> None:
    """Run one suite in an environment of its own and add what it counted to `outcome`."""
    print(f"\n== {label} ==", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="terrarium-test-") as storage:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TERRARIUM_")}
        environment.pop("DATABASE_URL", None)
        environment.pop("REDIS_URL", None)
        # A database in a file, not in memory: only then can two connections meet, as they do in use.
        environment |= {"TERRARIUM_STORAGE_ROOT": storage, "TEST_SQLITE_PATH": f"{storage}/test.sqlite3", **extra}
        counts = Path(storage) / "counts.xml"
        command = [sys.executable, "-m", "pytest", "-p", "tests.own_redis", f"--junit-xml={counts}", *arguments]
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        add_counts(counts, outcome)
    outcome.broken |= code != 0
    print(f"== {label}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s ==", flush=True)


def add_counts(report: Path, outcome: Outcome) -> None:
    """Add the counts of a report in JUnit's form; one that was never written adds nothing."""
    with contextlib.suppress(FileNotFoundError, ElementTree.ParseError):
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            tests, failures, errors, skipped = (
                int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")
            )
            outcome.passed += tests - failures - errors - skipped
            outcome.failed += failures + errors
            outcome.skipped += skipped


@contextlib.contextmanager
def production(outcome: Outcome) -> Iterator[dict[str, str] | None]:
    """The environment that names PostgreSQL and Redis, or None where they cannot be had."""
    with contextlib.ExitStack() as stack:
        try:
            urls = stack.enter_context(backends())
        except FileNotFoundError as missing:
            outcome.lacking.append(
                f"the tests on PostgreSQL and Redis: {missing} (Debian: apt install postgresql redis-server)"
            )
            yield None
        else:
            yield {"DATABASE_URL": urls[0], "REDIS_URL": urls[1]}


def main() -> int:
    """Run the suites; the exit status is 1 when any failed."""
    outcome = Outcome()
    prepare_solver()
    run_pytest("SQLite", [*PARALLEL, "tests", "--ignore=tests/e2e"], {}, outcome)
    with production(outcome) as extra:
        if extra is not None:
            folders = [folder for folder in WITH_DATABASE if (ROOT / folder).exists()]
            run_pytest("PostgreSQL and Redis", [*PARALLEL, *folders], extra, outcome)
    run_browser(["tests/e2e"], outcome)
    return close(outcome)


def prepare_solver() -> None:
    """Compile the solver once, on all cores; else the first tests of each process would wait for it one core at a time."""
    print("\n== Preparing the solver ==", flush=True)
    command = [sys.executable, "-m", "apps.experiments.engine.prepare"]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)


def run_browser(arguments: Sequence[str], outcome: Outcome) -> None:
    """The tests that drive a browser, where there is one."""
    if any(shutil.which(name) for name in BROWSERS):
        run_pytest("Browser", [*PARALLEL, "--dist", "worksteal", *arguments], {}, outcome)
    else:
        outcome.lacking.append("the tests in a browser: no chromium (Debian: apt install chromium)")


def close(outcome: Outcome) -> int:
    """Say what was not run and the sum; the exit status to end with."""
    required = os.environ.get("CI", "").lower() in {"1", "true"}
    print("", *outcome.closing_lines(required=required), sep="\n", flush=True)
    return int(outcome.is_bad(required=required))


if __name__ == "__main__":
    raise SystemExit(main())
