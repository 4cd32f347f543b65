"""`make test` counts over all suites and does not pass over a back end in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import run, services
from tests.own_redis import own
from tests.run import Outcome

SUITE = """
import pytest

def test_holds(): pass
def test_holds_too(): pass
def test_does_not_hold(): assert 1 == 2
def test_is_left_out(): pytest.skip("not here")
@pytest.fixture
def broken(): raise RuntimeError
def test_cannot_start(broken): pass
"""


def test_every_result_is_counted_and_an_error_is_a_failure(tmp_path: Path) -> None:
    suite = tmp_path / "test_suite.py"
    suite.write_text(SUITE)
    outcome = Outcome(passed=10)
    run.run_pytest("Sample", [str(suite), "-p", "no:django", "-o", "addopts="], {}, outcome)
    assert (outcome.passed, outcome.failed, outcome.skipped) == (12, 2, 1)
    assert outcome.closing_lines(required=False) == ["12 passed, 2 failed, 1 skipped"]
    assert outcome.is_bad(required=False)


def test_a_suite_without_a_test_is_a_failure(tmp_path: Path) -> None:
    outcome = Outcome(passed=10)
    run.run_pytest("Empty", [str(tmp_path), "-p", "no:django", "-o", "addopts="], {}, outcome)
    assert outcome.closing_lines(required=False) == ["10 passed, 1 failed, 0 skipped"]
    assert outcome.is_bad(required=False)


def test_a_missing_back_end_is_said_last_and_fails_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tests.services.shutil.which", lambda _: None)
    monkeypatch.setattr(services, "glob", lambda _: [])
    outcome = Outcome(passed=3)
    with run.production(outcome) as extra:
        assert extra is None
    monkeypatch.setenv("CI", "")
    assert run.close(outcome) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "3 passed, 0 failed, 0 skipped"
    assert re.match(
        r"WARNING, NOT RUN: the tests on PostgreSQL and Redis: .* is not installed \(Debian: apt install", said[-2]
    )
    monkeypatch.setenv("CI", "true")
    assert run.close(outcome) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[-2].startswith("FAILED, NOT RUN: the tests on PostgreSQL and Redis")
    assert said[-1] == "3 passed, 1 failed, 0 skipped"


def test_servers_that_are_given_are_used_instead_of_private_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://u@db/x")
    monkeypatch.setenv("TEST_REDIS_URL", "redis://cache/0")
    with run.production(Outcome()) as extra:
        assert extra == {"DATABASE_URL": "postgresql://u@db/x", "REDIS_URL": "redis://cache/0"}


@pytest.mark.parametrize(
    ("url", "worker", "expected"),
    [
        ("redis://127.0.0.1:6379/0", "gw1", "redis://127.0.0.1:6379/1"),
        ("redis://127.0.0.1:6379", "gw0", "redis://127.0.0.1:6379/0"),
        ("redis://:secret@cache/15", "gw2", "redis://:secret@cache/1"),
    ],
)
def test_processes_that_test_side_by_side_share_no_redis_database(url: str, worker: str, expected: str) -> None:
    assert own(url, worker) == expected
