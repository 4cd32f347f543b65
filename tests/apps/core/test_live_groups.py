"""One stream follows a whole group of topics, those that begin later too."""

from __future__ import annotations

import pytest

from apps.core.live import groups
from apps.core.live.groups import Grouping
from apps.core.live.log import EVERYTHING, Event, Position, Scope, head, read
from tests.apps.core.live_lab import emit

pytestmark = pytest.mark.django_db(transaction=True)

FAMILY = Scope(group="family_1")


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics named `1-...` belong to family_1; what was asked of the app is noted."""
    asked: list[str] = []

    def owners(topics: object) -> dict[str, str]:
        names = [str(topic) for topic in topics]  # type: ignore[attr-defined]
        asked.extend(names)
        return {name: f"family_{name[0]}" for name in names if name[1:2] == "-"}

    monkeypatch.setattr(groups, "_groupings", {})
    monkeypatch.setattr(groups, "_known", {})
    groups.register(Grouping("families", members=lambda group: [f"{group[-1]}-{n}" for n in "abc"], owners=owners))
    return asked


@pytest.fixture
def start(looked_up: list[str]) -> Position:
    """The log's end before the test speaks."""
    return head()


def events(scope: Scope, after: Position) -> list[Event]:
    batch = read(scope, after)
    assert not batch.reset
    return batch.events


def test_a_group_is_its_topics_and_itself_and_nothing_else(start: Position) -> None:
    for topic in ("1-a", "2-a", "family_1", "1-b", "alone"):
        emit(topic)
    assert [event.topic for event in events(FAMILY, start)] == ["1-a", "family_1", "1-b"]


def test_the_rule_in_memory_is_the_rule_in_sql(start: Position) -> None:
    for topic in ("1-a", "2-a", "family_1", "1-b", "alone"):
        emit(topic)
    handed_out = [event for event in events(EVERYTHING, start) if FAMILY.matches(event)]
    assert len(handed_out) == 3
    assert [event.position for event in handed_out] == [event.position for event in events(FAMILY, start)]


def test_a_topic_is_looked_up_once(start: Position, looked_up: list[str]) -> None:
    for _ in range(3):
        emit("1-a")
        events(EVERYTHING, start)
    assert looked_up == ["1-a"]
