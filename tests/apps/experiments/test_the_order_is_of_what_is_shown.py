"""Sorted by score or cost, an experiment under way stands where its figures of now belong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.core.models import User
from apps.experiments.models import Experiment
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end
from tests.apps.experiments.test_the_pages import client_of, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def four(make: Callable[..., Experiment], tasks: list[ArcTask]) -> list[str]:
    """Ended at half and dear; under way, all solved so far and cheap; under way with nothing yet; not begun."""
    ended = make(name="Ended")
    for cell in cells(ended):
        end(cell, cpu=50.0)
    under_way = make(name="Under way")
    end(cells(under_way)[0], cpu=1.0)
    return [ended.name, under_way.name, make(name="Just begun").name, make(name="Not begun", start=False).name]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-score", ["Under way", "Ended", "Not begun", "Just begun"]),
        ("score", ["Ended", "Under way", "Not begun", "Just begun"]),
        ("-cost", ["Ended", "Under way", "Not begun", "Just begun"]),
        ("cost", ["Under way", "Ended", "Not begun", "Just begun"]),
    ],
)
def test_the_page_and_the_api_sort_by_the_figures_they_show(
    four: list[str], viewer: User, sort: str, order: list[str]
) -> None:
    client = client_of(viewer)
    listed = client.get(f"/api/v1/experiments?sort={sort}").json()["items"]
    assert [one["name"] for one in listed] == order
    body = text(client.get(f"/experiments/?sort={sort}"))
    rows = body.partition("<tbody")[2]
    assert sorted(four, key=rows.index) == order


def test_a_second_run_under_way_counts_instead_of_the_first(
    make: Callable[..., Experiment], tasks: list[ArcTask], owner: User, viewer: User
) -> None:
    from apps.experiments.services import experiment_rerun

    again, other = make(name="Again"), make(name="Other")
    for made in (again, other):
        for cell in cells(made):
            end(cell)
    experiment_rerun(experiment=again, by=owner)
    end(cells(again)[2])  # wrong
    listed = client_of(viewer).get("/api/v1/experiments?sort=-score").json()["items"]
    assert [one["name"] for one in listed] == ["Other", "Again"]
