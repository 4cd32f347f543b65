"""Where each address leads."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("apps.core.urls")),
    path("", include("apps.lab.urls")),
    path("tasks/", include("apps.tasks.urls")),
    path("experiments/", include("apps.experiments.urls")),
]
