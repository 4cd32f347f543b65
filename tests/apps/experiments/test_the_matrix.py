"""Columns of the matrix: no two carry the same label, and they stand in the order asked for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from apps.core.models import User
from apps.experiments.models import Experiment
from apps.experiments.queries.matrix import column_labels
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task
from tests.apps.experiments.test_the_pages import page, text

Make = Callable[..., Experiment]


@pytest.mark.parametrize(
    ("ids", "labels"),
    [
        (["arc1:007bbfb7", "arc1:00d62c1b"], ["007b", "00d6"]),
        (["arc1:007bbfb7", "arc1:007b0000", "arc1:ffff0000"], ["007bb", "007b0", "ffff"]),
        (["arc1:007bbfb7", "arc2:007bbfb7", "arc2:11"], ["007b arc1", "007b arc2", "11"]),
        (["own:zoom", "own:zoom_in", "own:zoom_in_twice"], ["zoom", "zoom_in", "zoom_in_"]),
        ([], []),
    ],
)
def test_labels_are_as_short_as_they_can_be_and_all_different(ids: list[str], labels: list[str]) -> None:
    assert column_labels(ids) == labels
    assert len(set(labels)) == len(ids)


@pytest.mark.django_db
def test_the_page_shows_them(make: Make, owner: User) -> None:
    for raw_id in ("abcd1", "abcd2"):
        make_task(raw_id)
    heads = re.findall(r'<th scope="col"><a [^>]*title="lab:\w+"[^>]*>(\w+)</a>', text(page(owner, f"{make().pk}/")))
    assert heads == ["abcd1", "abcd2"]


@pytest.fixture
def ordered(make: Make, tasks: list[ArcTask]) -> Experiment:
    """a solved dearly and hard, b half and easy, c wrong, cheap and of no known difficulty, d not done."""
    make_task("d")
    ArcTask.objects.filter(pk="lab:a").update(difficulty_level="hard")
    ArcTask.objects.filter(pk="lab:b").update(difficulty_level="easy")
    made = make()
    for cell, cpu in zip(cells(made), (9.0, 5.0, 1.0), strict=False):
        end(cell, cpu=cpu)
    return made


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("order", "columns"),
    [
        ("", "abcd"),
        ("solved", "abcd"),
        ("-solved", "cbad"),
        ("effort", "cbad"),
        ("-effort", "abcd"),
        ("difficulty", "bacd"),
        ("-difficulty", "abcd"),
        ("nonsense", "abcd"),
        ("--solved", "abcd"),
    ],
)
def test_columns_stand_in_the_order_asked_for_the_unknown_last(
    ordered: Experiment, viewer: User, order: str, columns: str
) -> None:
    body = text(page(viewer, f"{ordered.pk}/?order={order}"))
    assert "".join(re.findall(r'title="lab:(\w)" tabindex', body)) == columns
    shown = re.findall(r'<a class="cell [^>]*title="(\w) ·', body)
    assert "".join(shown) == columns


@pytest.mark.django_db
def test_an_order_is_turned_round_when_chosen_again_and_goes_along_to_the_cells(
    ordered: Experiment, viewer: User
) -> None:
    body = text(page(viewer, f"{ordered.pk}/?order=effort"))
    assert 'href="?order=-effort" aria-current="true" title="least effort first"' in body
    assert f'href="/experiments/{ordered.pk}/cells/2/?order=effort"' in body
    assert 'data-query="?order=effort"' in body
    assert 'href="?order=solved"' in body
    assert 'href="?"' in body
