"""What a newcomer finds: one experiment over forty real tasks, made once."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.core.models import Job, User
from apps.experiments.engine import registry
from apps.experiments.models import Experiment
from apps.experiments.services import first_experiment_ensure
from apps.experiments.services.first_light import first_light_tasks
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection(db: None) -> None:
    registry.register("program_synthesis", "tests.apps.experiments.strategies:Echo")
    for number in range(85):
        make_task(f"{number:03d}", dataset="arc1")


def test_it_is_made_and_started_once(collection: None, owner: User) -> None:
    made = first_experiment_ensure(owner=owner)
    assert made is not None
    assert made.status == "in_progress"
    assert Job.objects.filter(kind="solve").count() == 40
    assert first_experiment_ensure(owner=owner) is None
    assert Experiment.objects.count() == 1


def test_the_choice_is_spread_and_always_the_same(collection: None) -> None:
    chosen = first_light_tasks()
    assert chosen == first_light_tasks()
    assert chosen[:3] == ["arc1:000", "arc1:002", "arc1:004"]
    assert len(chosen) == 40


def test_somebody_who_deleted_it_does_not_get_it_back(collection: None, owner: User) -> None:
    made = first_experiment_ensure(owner=owner)
    assert made is not None
    end(cells(made)[0])
    Experiment.objects.all().delete()
    assert first_experiment_ensure(owner=owner) is None


def test_two_starts_at_once_make_one(collection: None, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    first_experiment_ensure(owner=owner)
    monkeypatch.setattr("apps.experiments.services.first_light._anything_run", lambda: False)
    assert first_experiment_ensure(owner=owner) is not None
    assert Experiment.objects.count() == 1


def test_without_tasks_there_is_nothing_to_do(owner: User) -> None:
    assert first_experiment_ensure(owner=owner) is None


def test_the_command_says_what_it_did(collection: None, admin: User) -> None:
    out = StringIO()
    call_command("first_light", stdout=out)
    assert "First light" in out.getvalue()
    again = StringIO()
    call_command("first_light", stdout=again)
    assert "Nothing to do" in again.getvalue()


class TestRunExperiment:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("run_experiment", *arguments, stdout=out)
        return out.getvalue()

    def test_it_creates_and_starts(self, tasks: list[ArcTask], admin: User) -> None:
        said = self.run("Trial", "--strategy", "echo", "--tasks", "lab/training", "--limit", "2", "--seeds", "0-1")
        made = Experiment.objects.get()
        assert made.pk in said
        assert made.status == "in_progress"
        assert made.runs.get().cells_total == 4
        assert made.created_by == admin

    def test_options_and_single_tasks(self, tasks: list[ArcTask], admin: User, owner: User) -> None:
        self.run(
            "T",
            "--strategy",
            "echo",
            "--config",
            'echo={"depth": 5}',
            "--tasks",
            "lab:b",
            "--create-only",
            "--owner",
            "owner",
        )
        made = Experiment.objects.get()
        assert made.strategy_configs["echo"]["depth"] == 5
        assert (made.status, made.created_by) == ("created", owner)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--strategy", "magic"), "No strategy named 'magic'"),
            (("--strategy", "echo", "--tasks", "mars"), "No task matches"),
            (("--strategy", "echo", "--tasks", "lab:zz"), "There is no task"),
            (("--strategy", "echo", "--config", "echo={"), "not valid JSON"),
            (("--strategy", "echo", "--config", "other={}"), "name one of the strategies chosen"),
            (("--strategy", "echo", "--seeds", "x"), "--seeds"),
            (("--strategy", "echo", "--seconds", "-1"), "seconds_per_task"),
            (("--strategy", "echo", "--owner", "nobody"), "no member 'nobody'"),
            (("--strategy", "echo", "--tasks", "lab:a", "--tasks", "lab"), "not both"),
        ],
    )
    def test_what_cannot_be_used_is_said(
        self, tasks: list[ArcTask], admin: User, arguments: tuple[str, ...], words: str
    ) -> None:
        with pytest.raises(CommandError, match=words):
            self.run("Trial", *arguments)
        assert not Experiment.objects.exists()
