"""The API's reference: Swagger UI from the installed package, no other host involved; for members only."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI

from apps.core.access import page_role
from apps.core.api_auth import admit
from apps.core.security import allow_inline_styles


@require_safe
@page_role()
@allow_inline_styles
def docs_page(request: HttpRequest, *, api: NinjaAPI) -> HttpResponse:
    """The page that reads the schema and lets one try the endpoints."""
    context = {"title": api.title, "openapi_url": reverse("openapi")}
    return render(request, "accounts/api_docs.html", context)


@require_safe
def openapi(request: HttpRequest, *, api: NinjaAPI) -> JsonResponse:
    """The OpenAPI document, for whoever may read: by session, key or token."""
    admit(request)
    return JsonResponse(api.get_openapi_schema())
