"""Pages of the training app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.training.views import datasets

app_name = "training"
urlpatterns: list[URLPattern] = [
    path("", datasets.home, name="home"),
    path("datasets/", datasets.listing, name="datasets"),
    path("datasets/<str:dataset_id>/", datasets.one, name="dataset"),
]
