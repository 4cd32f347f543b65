"""`make test`: the whole suite on SQLite, then what touches a database again on PostgreSQL and Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.services import backends

ROOT = Path(__file__).resolve().parent.parent
WITH_DATABASE = ["tests/apps", "tests/workers", "tests/chaos", "tests/config"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def _pytest(label: str, arguments: list[str], extra: dict[str, str]) -> int:
    print(f"\n== {label} ==", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="terrarium-test-") as storage:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TERRARIUM_")}
        environment.pop("DATABASE_URL", None)
        environment.pop("REDIS_URL", None)
        # A database in a file, not in memory: only then can two connections meet, as they do in use.
        environment |= {"TERRARIUM_STORAGE_ROOT": storage, "TEST_SQLITE_PATH": f"{storage}/test.sqlite3", **extra}
        code = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=environment, check=False
        ).returncode
    print(f"== {label}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s ==", flush=True)
    return code


def main() -> int:
    """Run the suites; the exit status is 1 when any failed."""
    codes = []
    parallel = ["-n", "2", "--dist", "loadfile"]
    has_browser = any(shutil.which(name) for name in BROWSERS)
    codes.append(_pytest("SQLite", [*parallel, "tests", "--ignore=tests/e2e"], {}))
    with backends() as urls:
        if urls is not None:
            folders = [folder for folder in WITH_DATABASE if (ROOT / folder).exists()]
            extra = {"DATABASE_URL": urls[0], "REDIS_URL": urls[1]}
            codes.append(_pytest("PostgreSQL and Redis", [*parallel, *folders], extra))
    if has_browser:
        codes.append(_pytest("Browser", ["tests/e2e"], {}))
    else:
        print(
            "No chromium found: the browser tests were not run. Install it (Debian: apt install chromium).", flush=True
        )
    return int(any(codes))


if __name__ == "__main__":
    raise SystemExit(main())
