"""Jobs: the list, one job, and what may be done to it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.core.access import member, page_role
from apps.core.errors import Conflict, Invalid
from apps.core.jobs import job_cancel, job_pause, job_resume, job_retry, jobs_cancel
from apps.core.models import Job, JobStatus, User
from apps.core.returning import back
from apps.lab.lists import JOBS
from apps.lab.queries import jobs as queries
from apps.lab.queries.metrics import metrics


@page_role("viewer")
@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """The list."""
    return JOBS.respond(request, "lab/jobs.html")


@page_role("researcher")
@require_POST
def cancel_chosen(request: HttpRequest) -> HttpResponse:
    """Cancel the chosen jobs that may be; say what became of each."""
    try:
        done = jobs_cancel(job_ids=JOBS.chosen(request), by=member(request))
    except Invalid as error:
        messages.error(request, error.message)
    else:
        tell = messages.success if done.changed else messages.warning
        tell(request, done.sentence())
    return back(request, reverse("lab:jobs"))


@page_role("viewer")
@require_GET
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """One job: its state, executions and log."""
    found = queries.job_get(job_id)
    context = {
        "row": queries.row(found, member(request)),
        "job": found,
        "attempts": queries.attempts(found),
        "lines": queries.log_lines(found),
        "metrics": metrics(found.pk),
    }
    return render(request, "lab/job.html", context)


def _cancelled(job: Job, by: User) -> tuple[Job, str]:
    done = job_cancel(job=job, by=by)
    return done, "Cancelled." if done.is_terminal else "Cancelling: its worker stops it within two seconds."


def _paused(job: Job, by: User) -> tuple[Job, str]:
    done = job_pause(job=job, by=by)
    return done, "Paused." if done.status == JobStatus.PAUSED else "Pausing: its worker stops it within two seconds."


def _resumed(job: Job, by: User) -> tuple[Job, str]:
    return job_resume(job=job, by=by), "Back in its queue."


def _retried(job: Job, by: User) -> tuple[Job, str]:
    return job_retry(job=job, by=by), "Queued again as a new job."


_ACTIONS: dict[str, Callable[[Job, User], tuple[Job, str]]] = {
    "cancel": _cancelled,
    "pause": _paused,
    "resume": _resumed,
    "retry": _retried,
}


@page_role("researcher")
@require_POST
def job_act(request: HttpRequest, job_id: str, action: str) -> HttpResponse:
    """Cancel, pause, resume or retry; then back to where the button stood (a retry leads to the new job)."""
    if action not in _ACTIONS:
        raise Http404
    found = queries.job_get(job_id)
    here = reverse("lab:job", args=[found.pk])
    try:
        done, words = _ACTIONS[action](found, member(request))
    except Conflict as error:
        messages.warning(request, error.message)
        return back(request, here)
    messages.success(request, words)
    return back(request, reverse("lab:job", args=[done.pk]))
