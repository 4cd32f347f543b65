"""Pages of the tasks app."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "tasks"
urlpatterns: list[URLPattern] = []
