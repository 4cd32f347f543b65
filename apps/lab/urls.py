"""Pages of the lab app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.lab.views import events, jobs, log, observatory, patterns, search, services, system

app_name = "lab"
urlpatterns: list[URLPattern] = [
    path("", observatory.observatory, name="observatory"),
    path("search/", search.search, name="search"),
    path("system/", system.overview, name="system"),
    path("system/queues/<str:queue>/<str:action>/", system.queue_switch, name="queue-switch"),
    path("system/jobs/", jobs.jobs, name="jobs"),
    path("system/jobs/cancel/", jobs.cancel_chosen, name="jobs-cancel"),
    path("system/jobs/<str:job_id>/", jobs.job, name="job"),
    path("system/jobs/<str:job_id>/<str:action>/", jobs.job_act, name="job-act"),
    path("system/services/", services.services, name="services"),
    path("system/services/<str:service_id>/", services.service, name="service"),
    path("system/services/<str:service_id>/<str:action>/", services.service_act, name="service-act"),
    path("system/log/", log.log, name="log"),
    path("system/events/", events.events, name="events"),
    path("system/events/<str:event_id>/", events.event, name="event"),
    path("system/events/<str:event_id>/resolve/", events.event_resolve, name="event-resolve"),
    path("system/patterns/", patterns.patterns, name="patterns"),
]
