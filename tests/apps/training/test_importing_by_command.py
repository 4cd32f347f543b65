"""`manage.py import_dataset`: waits for the worker, says what became of it, and tells every fault."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.core.models import User
from apps.training.models import Dataset

from .working import jsonl, run_jobs, sums

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The command on a file of these bytes; while it waits, a worker works."""
    monkeypatch.setattr("apps.training.management.commands.import_dataset.time.sleep", lambda _seconds: run_jobs())

    def command(data: bytes, *arguments: str) -> str:
        path = tmp_path / "sums.jsonl"
        path.write_bytes(data)
        said = StringIO()
        call_command("import_dataset", str(path), *arguments, stdout=said)
        return said.getvalue()

    return command


def test_a_file_is_brought_in_under_its_name_for_its_owner(run: Any, owner: User) -> None:
    assert "Ready: 30 examples" in run(sums(30), "--owner", "owner", "--description", "Small")
    made = Dataset.objects.get()
    assert (made.name, made.owner, made.description, made.is_ready) == ("sums", owner, "Small", True)


def test_faults_are_told_with_line_and_field_and_nothing_is_imported(run: Any) -> None:
    with pytest.raises(CommandError, match="Line 3, field “output”: missing\nNothing was imported"):
        run(sums(2) + jsonl({"instruction": "a"}))


def test_columns_that_say_nothing_are_asked_for(run: Any) -> None:
    with pytest.raises(CommandError, match="Its columns are q, a: say with --instruction"):
        run(jsonl({"q": "x", "a": "y"}))
    assert "Ready: 1 example" in run(jsonl({"q": "x", "a": "y"}), "--instruction", "q", "--output", "a")


def test_what_cannot_be_begun_is_said(run: Any) -> None:
    with pytest.raises(CommandError, match="no member nobody"):
        run(sums(1), "--owner", "nobody")
    with pytest.raises(CommandError, match="no file"):
        call_command("import_dataset", "/no/such/file.csv")
    with pytest.raises(CommandError, match="Name a file, or tasks"):
        call_command("import_dataset")
    run(sums(1), "--detach")
    assert Dataset.objects.get().state == "looking"
