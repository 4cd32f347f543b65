"""The lists of the system pages, declared."""

from __future__ import annotations

from django.db.models import Q

from apps.core.jobs import kinds, reports
from apps.core.lists import Bulk, Choice, Column, Empty, Given, ListPage, Search, Sort, Switch, options
from apps.core.models import JobStatus, ServiceStatus, Severity
from apps.core.system_events import event_sources, events_matching, system_events
from apps.core.words import status_word, tail
from apps.lab.queries import jobs, log, services

JOBS = ListPage(
    name="jobs",
    title="Jobs",
    noun="job",
    url="lab:jobs",
    rows=lambda _user: jobs.jobs(),
    search=Search("Id, run, task or owner", jobs.matching),
    filters=(
        Choice("status", "State", options(JobStatus), "status"),
        Choice("kind", "Kind", jobs.kinds_known, "kind", open=True),
        Choice("queue", "Queue", lambda: [(name, name) for name in kinds.queues()], "queue", open=True),
        Switch("mine", "Mine", lambda rows, user: rows.filter(owner=user)),
        Switch("quarantined", "Quarantined", lambda rows, _user: rows.filter(quarantined_at__isnull=False)),
        Given("topic", lambda topic: f"Of {tail(topic, 10)}", "topic"),
    ),
    # Orders that an index gives, or a hundred thousand jobs would be sorted for one page. Ids grow with the time of
    # creation, so that "created" reads the primary key.
    sorts={
        "running": Sort(("-job_id",), first=Q(status=JobStatus.RUNNING)),
        "created": Sort(("job_id",)),
        "-created": Sort(("-job_id",)),
        "finished": Sort(("finished_at", "job_id"), only=Q(finished_at__isnull=False)),
        "-finished": Sort(("-finished_at", "-job_id"), only=Q(finished_at__isnull=False)),
        "status": Sort(("status", "-created_at", "-job_id")),
        "-status": Sort(("-status", "created_at", "job_id")),
    },
    first_sort="running",
    columns=(
        Column("Job"),
        Column("State", sort="status"),
        Column("Queue", wide=True),
        Column("Owner", wide=True),
        Column("Attempts", num=True, wide=True),
        Column("Took", num=True, wide=True),
        Column("Created", sort="created", first="desc", num=True, wide=True),
        Column("Finished", sort="finished", first="desc", num=True, wide=True),
        Column("Actions", hidden=True, wide=True),
    ),
    row="lab/_job_row.html",
    present=jobs.rows,
    page_size=25,
    bulk=(Bulk("lab:jobs-cancel", "Cancel", icon="stop", danger=True),),
    nothing=Empty(
        "No job has been queued yet",
        "Start an experiment: each task, strategy and seed becomes a job here.",
        icon="job",
        action_url="/experiments/new/",
        action_label="New experiment",
    ),
    loosen="Loosen the filter: another state, another queue, or fewer words.",
    live="jobs",
)

SERVICES = ListPage(
    name="services",
    title="Services",
    noun="service",
    url="lab:services",
    rows=lambda _user: services.services(),
    search=Search("What it serves, kind, host or owner", services.matching),
    filters=(
        Choice("state", "State", options(ServiceStatus), "status"),
        Choice("kind", "Kind", services.kinds_known, "kind", open=True),
        Switch("wanted", "Wanted", lambda rows, _user: rows.filter(wanted=True)),
        Switch("mine", "Mine", lambda rows, user: rows.filter(owner=user)),
    ),
    sorts={
        "running": Sort(("-wanted", "-service_id"), first=services.RUNS),
        "state": Sort(("status", "-service_id")),
        "-state": Sort(("-status", "service_id")),
        "used": Sort(("last_used_at", "service_id")),
        "-used": Sort(("-last_used_at", "-service_id")),
        "restarts": Sort(("restarts", "service_id")),
        "-restarts": Sort(("-restarts", "-service_id")),
    },
    first_sort="running",
    columns=(
        Column("Service"),
        Column("State", sort="state"),
        Column("Host", wide=True),
        Column("Memory", num=True, wide=True),
        Column("Restarts", sort="restarts", first="desc", num=True, wide=True),
        Column("Ready for", num=True, wide=True),
        Column("Last used", sort="used", first="desc", num=True, wide=True),
        Column("Actions", hidden=True, wide=True),
    ),
    row="lab/_service_row.html",
    present=services.rows,
    page_size=25,
    nothing=Empty(
        "No services yet",
        "What serves without end, such as a model server, is started when something first needs it and listed here.",
        icon="host",
    ),
    loosen="Loosen the filter: another state, another kind, or fewer words.",
    live="services",
)

LOG = ListPage(
    name="log",
    title="Event log",
    noun="event",
    url="lab:log",
    rows=lambda _user: log.events(),
    filters=(
        Choice("type", "Type", lambda: [(name, status_word(name)) for name in reports.types()], "type", open=True),
        Given("topic", lambda topic: f"Of {tail(topic, 10)}", "topic"),
        Given("job", lambda job: f"Of job {tail(job, 8)}", "job"),
    ),
    sorts={"-when": Sort(("-xid", "-id")), "when": Sort(("xid", "id"))},
    first_sort="-when",
    columns=(
        Column("When", sort="when", first="desc"),
        Column("Type", wide=True),
        Column("What was written"),
        Column("About", wide=True),
    ),
    row="lab/_log_row.html",
    present=log.rows,
    page_size=100,
    nothing=Empty(
        "Nothing has been written", "What jobs say and how they change is kept here for a while.", icon="job"
    ),
    loosen="Another type, or what was written has passed its retention.",
)

_SEVERITIES = tuple((level.value, level.label) for level in reversed(Severity))
_OPEN = {"open": True, "resolved": False}


EVENTS = ListPage(
    name="events",
    title="System events",
    noun="event",
    url="lab:events",
    rows=lambda _user: system_events().defer("stack_trace", "context"),
    search=Search("Words of message or context", events_matching),
    filters=(
        Choice("severity", "Severity", _SEVERITIES, "severity"),
        Choice("source", "Source", lambda: [(name, name) for name in event_sources()], "event_source", open=True),
        Choice(
            "state",
            "State",
            (("open", "Open"), ("resolved", "Resolved")),
            lambda rows, state: rows.filter(resolved_at__isnull=_OPEN[state]),
        ),
    ),
    sorts={"-occurred": Sort(("-occurred_at", "-event_id")), "occurred": Sort(("occurred_at", "event_id"))},
    first_sort="-occurred",
    columns=(
        Column("Severity"),
        Column("What happened"),
        Column("Source", wide=True),
        Column("When", sort="occurred", first="desc", num=True),
        Column("State", wide=True),
    ),
    row="lab/_event_row.html",
    nothing=Empty(
        "Nothing to report",
        "Failures, alerts and starts of workers will be listed here and can be searched.",
        icon="done",
    ),
    loosen="Words match by their beginnings, all of them must occur. Try fewer, or another severity.",
)
