"""Groups of topics, so that one stream follows a whole: an experiment with all its runs, a graph of work.

An app registers what its groups are. A topic belongs to one group for good, so what was once looked up stays true;
topics that begin later are in the stream from their first event on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

_REMEMBERED = 20_000


@dataclass(frozen=True)
class Grouping:
    """One app's groups. `members` gives the topics of a group (a query is best), `owners` the groups of topics it knows."""

    name: str
    members: Callable[[str], Any]
    owners: Callable[[Sequence[str]], Mapping[str, str]]


_groupings: dict[str, Grouping] = {}
_known: dict[str, str | None] = {}


def register(grouping: Grouping) -> None:
    """Make an app's groups known; apps do so in `AppConfig.ready`."""
    _groupings[grouping.name] = grouping


def within(group: str) -> Q:
    """Rows whose `topic` is the group itself or one of its topics."""
    mine = Q(topic=group)
    for _, grouping in sorted(_groupings.items()):
        mine |= Q(topic__in=grouping.members(group))
    return mine


def owners(topics: Iterable[str]) -> dict[str, str | None]:
    """The group of each topic, or None: remembered, else a statement an app that has groups."""
    wanted = {topic for topic in topics if topic}
    unknown = sorted(topic for topic in wanted if topic not in _known)
    if unknown and _groupings:
        found: dict[str, str] = {}
        for _, grouping in sorted(_groupings.items()):
            found.update(grouping.owners(unknown))
        if len(_known) + len(unknown) > _REMEMBERED:
            _known.clear()
        _known.update({topic: found.get(topic) for topic in unknown})
    return {topic: _known.get(topic) for topic in wanted}
