"""Endpoints and pages that fail in every way, beside the real ones."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from ninja import Query, Schema
from pydantic import Field

from apps.core import errors
from apps.core.api.base import TerrariumAPI
from apps.core.pagination import PageQuery
from apps.core.throttle import spend
from config.urls import urlpatterns as real_urls


class Thing(Schema):
    """A body."""

    lora_r: int = Field(ge=1, le=256)
    name: str = "x"


def _urls() -> list[Any]:
    api = TerrariumAPI(urls_namespace="probe", openapi_url=None, docs_url=None)

    @api.post("/thing")
    def thing(request: HttpRequest, payload: Thing, paging: Query[PageQuery]) -> dict[str, Any]:
        return {"ok": payload.lora_r}

    @api.get("/fault")
    def fault(request: HttpRequest) -> None:
        raise RuntimeError("secret inside")

    @api.get("/async-fault")
    async def async_fault(request: HttpRequest) -> None:
        raise RuntimeError("secret inside")

    @api.get("/slow")
    def slow(request: HttpRequest) -> None:
        spend("probe", limit=0, message="Too many.")

    def page_fault(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("secret inside")

    def page_refusal(request: HttpRequest) -> HttpResponse:
        raise errors.Conflict("It has already started.")

    def page_invalid(request: HttpRequest) -> HttpResponse:
        raise errors.Invalid.of_fields([("name", "It is empty."), ("seed", "It is negative.")])

    def page_database(request: HttpRequest) -> HttpResponse:
        raise OperationalError("could not connect to server: secret inside")

    def page_forbidden(request: HttpRequest) -> HttpResponse:
        raise PermissionDenied

    def page_large(request: HttpRequest) -> HttpResponse:
        raise RequestDataTooBig("too much")

    def page_throttled(request: HttpRequest) -> HttpResponse:
        raise errors.Throttled("Slow down.", details={"retry_after": 7})

    pages = {
        "fault": page_fault,
        "refusal": page_refusal,
        "invalid": page_invalid,
        "database": page_database,
        "forbidden": page_forbidden,
        "large": page_large,
        "throttled": page_throttled,
    }
    return [
        path("api/probe/", api.urls),
        *(path(f"probe/{name}/", view) for name, view in pages.items()),
        *real_urls,
    ]


urlpatterns = _urls()
handler400 = "apps.core.views.errors.bad_request"
handler403 = "apps.core.views.errors.permission_denied"
handler404 = "apps.core.views.errors.page_not_found"
handler500 = "apps.core.views.errors.server_error"
