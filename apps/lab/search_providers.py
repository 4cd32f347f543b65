"""What the palette finds beside what the apps register themselves: pages and jobs."""

from __future__ import annotations

from collections.abc import Sequence

from apps.core import search
from apps.core.jobs import kinds
from apps.core.models import User
from apps.core.search import Hit, SearchProvider
from apps.lab import navigation
from apps.lab.queries import jobs as job_queries


def register() -> None:
    """Make them known to the search."""
    search.register(SearchProvider("pages", "Go to", "arrow-right", _pages))
    search.register(SearchProvider("jobs", "Jobs", "job", _jobs))


def _pages(_user: User, text: str, limit: int) -> Sequence[Hit]:
    places = [(area.title, area.path) for area in navigation.areas()]
    places += [(place.title, place.path) for area in navigation.areas() for place in area.places]
    return [Hit(title, path) for title, path in places if text.lower() in title.lower()][:limit]


def _jobs(_user: User, text: str, limit: int) -> Sequence[Hit]:
    if len(text) < 4:
        return []
    rows = job_queries.by_id(text, limit)
    about = kinds.subjects(rows)
    return [Hit(row.pk, f"/system/jobs/{row.pk}/", note=about[row.pk].title, status=row.status) for row in rows]
