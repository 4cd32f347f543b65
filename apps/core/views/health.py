"""The bare liveness probe."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.health import database_answers, storage_takes_writes

NO_WRITES = "degraded: the disk takes no writes"


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """200 when this process and its database answer, 503 otherwise; no details for strangers.

    A disk that takes nothing is told, and is alive: reading goes on, and starting anew would help nobody.
    """
    if not database_answers():
        return HttpResponse("unavailable", status=503, content_type="text/plain")
    return HttpResponse("ok" if storage_takes_writes() else NO_WRITES, content_type="text/plain")
