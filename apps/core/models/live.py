"""What the event log remembers of what it has forgotten."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class EventFloor(models.Model):
    """The highest position ever deleted from the event log: one row, raised by a trigger whoever deletes.

    A reader whose cursor lies below it may have missed something, and is told so.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    xid = models.BigIntegerField()
    event_id = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="core_eventfloor_one_row")]

    def __str__(self) -> str:
        return f"{self.xid}-{self.event_id}"
