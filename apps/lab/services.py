"""What the lab's pages write: when a person last looked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.core.best_effort import best_effort
from apps.core.models import User

AWAY_AFTER = timedelta(minutes=30)
"""Coming back after this long starts a new visit; within it, "since you last looked" keeps its meaning."""

_RESOLUTION = timedelta(minutes=1)
_KEY = "observatory_since"


def look(*, user: User, session: SessionBase, now: datetime | None = None) -> datetime | None:
    """Note that the person looks now; returns the end of their visit before this one (None: there was none)."""
    now = now or timezone.now()
    last = user.last_looked_at
    if last is None or now - last > AWAY_AFTER or _KEY not in session:
        session[_KEY] = last.isoformat() if last else ""
    if last is None or now - last > _RESOLUTION:
        with best_effort("when somebody last looked"):
            User.objects.filter(pk=user.pk).update(last_looked_at=now)
    return since(session)


def since(session: Any) -> datetime | None:
    """The end of the visit before this one."""
    stored = session.get(_KEY, "")
    return parse_datetime(stored) if stored else None
