"""The doctor says what is in order, what is not, and the remedy; its exit code says whether something fails."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.core import doctor
from apps.core.doctor import Finding, examine
from apps.core.models import Worker

pytestmark = pytest.mark.django_db


def state(findings: list[Finding]) -> dict[str, str]:
    return {finding.name: finding.state for finding in findings}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: Any) -> Path:
    """A storage folder to break."""
    settings.VAR_DIR = tmp_path
    options = {
        key: str(tmp_path / "broker")
        for key in ("data_folder_in", "data_folder_out", "control_folder", "processed_folder")
    }
    settings.CELERY_BROKER_URL = "filesystem://"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {**options, "polling_interval": 0.01}
    return tmp_path


def add_worker() -> None:
    Worker.objects.create(
        name="w1", host="h", pid=1, slots={"cpu": 1}, version="1", started_at=timezone.now(), last_seen_at=timezone.now()
    )  # fmt: skip


def test_a_sound_place_is_in_order() -> None:
    add_worker()
    findings = examine()
    assert {name for name, found in state(findings).items() if found == "fail"} == set()
    assert state(findings)["broker"] == "ok"
    assert state(findings)["workers"] == "ok"
    assert state(findings)["migrations"] == "ok"
    assert {finding.name for finding in findings} >= {
        "python", "packages", "settings", "database", "migrations", "broker", "storage", "disk", "secrets", "workers",
        "clock", "bubblewrap",
    }  # fmt: skip


def test_every_trouble_comes_with_a_remedy(own_folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    (own_folder / "secret_key").write_text("x" * 50)
    os.chmod(own_folder / "secret_key", 0o644)
    monkeypatch.setattr(doctor, "LOW_DISK_GB", 10.0**9)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    findings = examine()
    found = state(findings)
    assert found["secrets"] == found["broker"] == "fail"
    assert found["disk"] == found["workers"] == found["bubblewrap"] == "warn"
    assert all(finding.remedy for finding in findings if finding.state != "ok")
    secrets = next(finding for finding in findings if finding.name == "secrets")
    assert secrets.remedy == f"Run: chmod 600 {own_folder / 'secret_key'}"


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def _clock() -> Any:
        raise ValueError("no clock")

    monkeypatch.setattr(doctor, "_CHECKS", (_clock,))
    assert [(f.name, f.state, f.message) for f in examine()] == [("clock", "fail", "ValueError: no clock")]


def test_a_folder_that_cannot_be_written_fails(settings: Any, own_folder: Path) -> None:
    settings.VAR_DIR = own_folder / "missing"
    assert state(examine())["storage"] == "fail"


def test_the_command_speaks_to_people_and_to_programs(own_folder: Path) -> None:
    out = StringIO()
    call_command("doctor", stdout=out)
    assert "0 failed, " in out.getvalue()
    assert "-> Run: make run" in out.getvalue(), "no worker runs here"
    out = StringIO()
    call_command("doctor", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["healthy"] is True
    (own_folder / "jwt_secret_key").write_text("x" * 50)
    os.chmod(own_folder / "jwt_secret_key", 0o640)
    with pytest.raises(SystemExit) as stopped:
        call_command("doctor", "--json", stdout=StringIO())
    assert stopped.value.code == 1
