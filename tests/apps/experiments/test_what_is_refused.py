"""Who may do what to an experiment, and what is wrong with one that cannot be made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.core.errors import Forbidden, Invalid
from apps.core.models import User
from apps.experiments.models import Experiment
from apps.experiments.services import (
    experiment_cancel,
    experiment_create,
    experiment_delete,
    experiment_pause,
    experiment_rerun,
    experiment_resume,
    experiment_retry_failed,
    experiment_start,
)
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import spec

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


@pytest.mark.parametrize(
    "action",
    [
        experiment_start,
        experiment_pause,
        experiment_resume,
        experiment_cancel,
        experiment_retry_failed,
        experiment_rerun,
        experiment_delete,
    ],
)
def test_only_the_owner_or_an_admin_acts(
    make: Make, tasks: list[ArcTask], teammate: User, viewer: User, action: Callable[..., object]
) -> None:
    made = make(start=False)
    for stranger in (teammate, viewer):
        with pytest.raises(Forbidden):
            action(experiment=made, by=stranger)


def test_an_admin_may_stop_what_another_started(make: Make, tasks: list[ArcTask], admin: User, owner: User) -> None:
    made = make()
    experiment_pause(experiment=made, by=admin)
    experiment_resume(experiment=made, by=owner)
    experiment_cancel(experiment=made, by=admin)
    made.refresh_from_db()
    assert made.status == "cancelled"


def test_a_viewer_cannot_create(tasks: list[ArcTask], viewer: User) -> None:
    with pytest.raises(Forbidden):
        experiment_create(spec=spec(), by=viewer)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"strategy_configs": {"magic": {}}}, "strategy_configs.magic", "No strategy named 'magic'"),
        ({"strategy_configs": {"echo": {"depth": 99}}}, "strategy_configs.echo.depth", "Write 9 or less."),
        ({"strategy_configs": {"echo": {"dept": 1}}}, "strategy_configs.echo.dept", "There is no such option"),
    ],
)
def test_a_bad_config_is_refused_at_its_field(
    tasks: list[ArcTask], owner: User, changes: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        experiment_create(spec=spec(**changes), by=owner)
    assert caught.value.field == field


def test_an_unknown_task_is_refused_with_a_remedy(tasks: list[ArcTask], owner: User) -> None:
    criteria = {"task_ids": ["lab:a", "007bbfb7"]}
    with pytest.raises(Invalid, match=r"'007bbfb7'.*arc1:007bbfb7") as caught:
        experiment_create(spec=spec(task_selection_criteria=criteria), by=owner)
    assert caught.value.field == "task_selection_criteria.task_ids"


def test_criteria_that_match_nothing_are_refused(tasks: list[ArcTask], owner: User) -> None:
    with pytest.raises(Invalid, match="No task matches"):
        experiment_create(spec=spec(task_selection_criteria={"datasets": ["mars"]}), by=owner)
