"""Pages of the lab app."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "lab"
urlpatterns: list[URLPattern] = []
