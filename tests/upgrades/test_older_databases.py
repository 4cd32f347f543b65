"""A database of an earlier version, with rows in every table, is brought up to date without losing a value; and while that
is done, workers and web servers of the version before go on writing to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.apps.core.live_lab import postgres_url
from tests.run import ROOT


@pytest.fixture
def empty_database(db: None, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path}/older.sqlite3"
        return
    import psycopg

    own, _, _ = postgres_url().rpartition("/")
    name = f"older_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{own}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{own}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def bring_up_to_date(state: str, url: str, storage: Path) -> dict[str, Any]:
    """What `tests.upgrades.older` found, run as a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TERRARIUM_")}
    kept.pop("REDIS_URL", None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.upgrades.older", state],
        cwd=ROOT,
        env={**kept, "DATABASE_URL": url, "TERRARIUM_STORAGE_ROOT": str(storage)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("state", ["first", "previous"])
def test_every_value_survives_and_every_page_shows_it(empty_database: str, tmp_path: Path, state: str) -> None:
    found = bring_up_to_date(state, empty_database, tmp_path)
    assert found["empty"] == [], "every table of the older version is filled"
    assert found["lost"] == []
    assert len(found["pages"]) > 30
    assert {path: status for path, status in found["pages"].items() if status != 200} == {}
    if state == "previous":
        assert found["written_by_the_old_version"] > 25, "a second set of rows, written by the old version"
