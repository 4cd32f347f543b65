"""The one queue. Everything that takes longer than a request is a job: enqueue it here, follow it in the event log.

Apps register what a kind of job means to them in `apps.core.jobs.kinds`; how it is executed is known to `workers`.
"""

from apps.core.jobs.control import (
    job_cancel,
    job_pause,
    job_release,
    job_resume,
    job_retry,
    job_stop_early,
    queue_is_paused,
    queue_pause,
    queue_resume,
    topic_cancel,
    topic_pause,
    topic_resume,
)
from apps.core.jobs.enqueue import SOON, JobSpec, job_enqueue, jobs_enqueue
from apps.core.jobs.events import EventEntry, event_emit, events_emit
from apps.core.jobs.many import CancelledJobs, jobs_cancel

__all__ = [
    "SOON",
    "CancelledJobs",
    "EventEntry",
    "JobSpec",
    "event_emit",
    "events_emit",
    "job_cancel",
    "job_enqueue",
    "job_pause",
    "job_release",
    "job_resume",
    "job_retry",
    "job_stop_early",
    "jobs_cancel",
    "jobs_enqueue",
    "queue_is_paused",
    "queue_pause",
    "queue_resume",
    "topic_cancel",
    "topic_pause",
    "topic_resume",
]
