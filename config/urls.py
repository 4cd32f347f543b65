"""Where each address leads."""

from __future__ import annotations

from functools import partial

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from apps.core.views.docs import docs_page, openapi
from apps.core.views.sign_in import sign_in_to_admin
from config.api import api

urlpatterns = [
    path("admin/login/", sign_in_to_admin),
    path("admin/password_change/", RedirectView.as_view(pattern_name="core:password")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=static("favicon.svg"))),
    path("api/docs", partial(docs_page, api=api), name="api-docs"),
    path("api/openapi.json", partial(openapi, api=api), name="openapi"),
    path("api/v1/docs", RedirectView.as_view(pattern_name="api-docs")),
    path("api/v1/", api.urls),
    path("", include("apps.core.urls")),
    path("", include("apps.lab.urls")),
    path("tasks/", include("apps.tasks.urls")),
    path("experiments/", include("apps.experiments.urls")),
    path("training/", include("apps.training.urls")),
    path("carbon/", include("apps.carbon.urls")),
]

handler400 = "apps.core.views.errors.bad_request"
handler403 = "apps.core.views.errors.permission_denied"
handler404 = "apps.core.views.errors.page_not_found"
handler500 = "apps.core.views.errors.server_error"
