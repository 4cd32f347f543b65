"""What happened to the system that a person should be able to find again."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Severity(models.TextChoices):
    """How much it matters, least first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class SystemEvent(models.Model):
    """One event, searchable by full text (index kept in step by database triggers)."""

    event_id = models.BigAutoField(primary_key=True)
    event_type = models.CharField(max_length=64)
    event_source = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    message = models.TextField()
    context = models.JSONField(null=True, blank=True, db_column="context_json")
    stack_trace = models.TextField(null=True, blank=True)  # noqa: DJ001 - the schema says nullable
    occurred_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=120, null=True, blank=True, unique=True)

    class Meta:
        db_table = "system_events"
        constraints = [
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="core_systemevent_severity_known")
        ]
        indexes = [
            models.Index(fields=["severity", "occurred_at"], name="idx_severity_time"),
            models.Index(fields=["-occurred_at"], name="core_systemevent_recent"),
            models.Index(fields=["event_source"], name="core_systemevent_source"),
            models.Index(fields=["severity"], name="core_systemevent_open", condition=Q(resolved_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.severity}: {self.message[:80]}"

    @property
    def public_id(self) -> str:
        """The id as pages and programs see it."""
        return f"evt_{self.event_id}"
