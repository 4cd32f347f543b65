"""What serves without end: what is wanted of each service, and what is. Rules live in `apps.core.serving`."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from apps.core import ids


class ServiceStatus(models.TextChoices):
    """Where a service stands. It is `pending` while no worker keeps it: for lack of room, or until its next try."""

    STOPPED = "stopped"
    PENDING = "pending"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


HELD_STATUSES = (ServiceStatus.STARTING, ServiceStatus.READY, ServiceStatus.STOPPING)
"""Those in which a keeper holds the lease."""


class Service(models.Model):
    """A process that is to run as long as it is wanted: one of a kind and key, on one host at a time.

    `token` is the fence: a keeper may write only while it holds the number it claimed. `revision` counts what was wanted,
    `running_revision` is what runs: where they differ the process is replaced. `deaths` counts in a row those that died
    young; after too many the service has failed, and stays so until a person starts it again.
    """

    service_id = models.CharField(primary_key=True, max_length=40, default=ids.new_service_id, editable=False)
    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=120, blank=True, default="")
    owner = models.ForeignKey("core.User", null=True, on_delete=models.SET_NULL, related_name="services")

    wanted = models.BooleanField(default=True)
    wanted_at = models.DateTimeField()
    specification = models.JSONField(default=dict)
    revision = models.PositiveIntegerField(default=1)
    queue = models.CharField(max_length=32, default="cpu")
    device = models.CharField(max_length=16, blank=True, default="")
    device_memory_mb = models.PositiveIntegerField(default=0)
    memory_mb = models.PositiveIntegerField(default=0)
    threads = models.PositiveSmallIntegerField(default=1)
    idle_seconds = models.FloatField(null=True, blank=True)

    status = models.CharField(max_length=16, choices=ServiceStatus.choices, default=ServiceStatus.PENDING)
    token = models.PositiveIntegerField(default=0)
    keeper = models.CharField(max_length=120, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    running_revision = models.PositiveIntegerField(default=0)
    host = models.CharField(max_length=120, blank=True, default="")
    boot_id = models.CharField(max_length=40, blank=True, default="")
    pid = models.PositiveIntegerField(null=True, blank=True)
    device_name = models.CharField(max_length=80, blank=True, default="")
    address = models.CharField(max_length=255, blank=True, default="")
    port = models.PositiveIntegerField(null=True, blank=True)
    socket = models.CharField(max_length=120, blank=True, default="")
    secret = models.CharField(max_length=64, blank=True, default="", editable=False)
    used_memory_mb = models.FloatField(null=True, blank=True)
    used_device_memory_mb = models.FloatField(null=True, blank=True)

    deaths = models.PositiveSmallIntegerField(default=0)
    restarts = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    last_words = models.TextField(blank=True, default="")

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="core_service_key_once"),
            models.CheckConstraint(condition=Q(status__in=ServiceStatus.values), name="core_service_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=HELD_STATUSES, lease_expires_at__isnull=False, keeper__gt="", host__gt="")
                | (~Q(status__in=HELD_STATUSES) & Q(lease_expires_at__isnull=True, keeper="", pid__isnull=True)),
                name="core_service_held_means_leased",
            ),
            models.CheckConstraint(
                condition=~Q(status=ServiceStatus.READY) | Q(pid__isnull=False, ready_at__isnull=False),
                name="core_service_ready_means_running",
            ),
            models.CheckConstraint(
                condition=(~Q(status=ServiceStatus.PENDING) | Q(wanted=True))
                & (~Q(status=ServiceStatus.STOPPED) | Q(wanted=False)),
                name="core_service_waits_means_wanted",
            ),
            models.CheckConstraint(
                condition=Q(available_at__isnull=True) | Q(status=ServiceStatus.PENDING),
                name="core_service_backoff_means_pending",
            ),
            models.CheckConstraint(
                condition=~Q(status=ServiceStatus.FAILED) | Q(error_code__gt=""),
                name="core_service_failed_means_reason",
            ),
            models.CheckConstraint(
                condition=Q(port__isnull=True) | Q(port__gte=1, port__lte=65535, socket=""),
                name="core_service_port_range",
            ),
            models.CheckConstraint(
                condition=Q(threads__gte=1) & (Q(idle_seconds__isnull=True) | Q(idle_seconds__gt=0)),
                name="core_service_needs_range",
            ),
            models.CheckConstraint(
                condition=Q(running_revision__lte=F("revision")), name="core_service_runs_what_was_wanted"
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "wanted_at"], name="core_service_claim", condition=Q(status=ServiceStatus.PENDING)
            ),
            models.Index(
                fields=["lease_expires_at"], name="core_service_lease", condition=Q(lease_expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key or self.service_id} ({self.status})"

    @property
    def is_held(self) -> bool:
        """Whether a worker keeps it now."""
        return self.status in HELD_STATUSES

    @property
    def needs(self) -> dict[str, Any]:
        """What it takes of a host."""
        return {
            "device": self.device,
            "device_memory_mb": self.device_memory_mb,
            "memory_mb": self.memory_mb,
            "threads": self.threads,
        }
