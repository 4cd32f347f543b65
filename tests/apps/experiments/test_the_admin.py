"""Curators look things up in the admin; nobody changes anything there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import Role, User
from apps.experiments.models import Experiment, TaskSubmission
from apps.tasks.models import ArcTask
from tests.apps.conftest import person
from tests.apps.experiments.conftest import cells, end

pytestmark = pytest.mark.django_db
MODELS = [
    "experiments/experiment",
    "experiments/experimentrun",
    "experiments/solve",
    "experiments/tasksubmission",
    "experiments/experimentresult",
    "experiments/strategymetric",
    "carbon/resourceusage",
]


@pytest.fixture
def curator(db: None) -> Client:
    user = person("curator", Role.CURATOR)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.mark.parametrize("model", MODELS)
def test_lists_open_for_curators_with_the_same_number_of_statements(
    make: Callable[..., Experiment], tasks: list[ArcTask], curator: Client, model: str
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert curator.get(f"/admin/{model}/").status_code == 200
        return len(caught)

    def run() -> None:
        for cell in cells(make()):
            end(cell)

    run()
    statements()
    few = statements()
    run()
    run()
    assert statements() == few


def test_answers_are_drawn_and_cannot_be_changed(
    make: Callable[..., Experiment], tasks: list[ArcTask], curator: Client
) -> None:
    end(cells(make())[0])
    answer = TaskSubmission.objects.get()
    path = f"/admin/experiments/tasksubmission/{answer.pk}/change/"
    shown = curator.get(path)
    assert b"<svg" in shown.content
    assert b"return grid" in shown.content
    assert curator.post(path, {"score": "1"}).status_code == 403
    assert curator.post(f"/admin/experiments/tasksubmission/{answer.pk}/delete/", {"post": "yes"}).status_code == 403


def test_others_see_none_of_it(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    for model in MODELS:
        assert client.get(f"/admin/{model}/").status_code in (302, 403)
