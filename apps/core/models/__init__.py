"""Core's rows: people and keys, jobs and their events, workers, services, artefacts, metrics, system events."""

from apps.core.models.accounts import ApiKey, LoginLink, Role, User
from apps.core.models.artefacts import Artefact, ArtefactPart, Damage
from apps.core.models.jobs import (
    ACTIVE_STATUSES,
    FAILED_STATUSES,
    RETRIABLE_STATUSES,
    TERMINAL_STATUSES,
    WAITING_STATUSES,
    AttemptOutcome,
    FairShare,
    Job,
    JobAttempt,
    JobEvent,
    JobStatus,
    QueueState,
    Worker,
)
from apps.core.models.live import EventFloor
from apps.core.models.metrics import MetricBlock, MetricPoint, MetricSeries, Nonfinite
from apps.core.models.services import HELD_STATUSES, Service, ServiceStatus
from apps.core.models.system import Severity, SystemEvent

__all__ = [
    "ACTIVE_STATUSES",
    "FAILED_STATUSES",
    "HELD_STATUSES",
    "RETRIABLE_STATUSES",
    "TERMINAL_STATUSES",
    "WAITING_STATUSES",
    "ApiKey",
    "Artefact",
    "ArtefactPart",
    "AttemptOutcome",
    "Damage",
    "EventFloor",
    "FairShare",
    "Job",
    "JobAttempt",
    "JobEvent",
    "JobStatus",
    "LoginLink",
    "MetricBlock",
    "MetricPoint",
    "MetricSeries",
    "Nonfinite",
    "QueueState",
    "Role",
    "Service",
    "ServiceStatus",
    "Severity",
    "SystemEvent",
    "User",
    "Worker",
]
