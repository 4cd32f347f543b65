"""Pages of the training app."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

from apps.training.views import datasets

app_name = "training"
urlpatterns: list[URLPattern] = [
    path("", RedirectView.as_view(pattern_name="training:datasets"), name="home"),
    path("datasets/", datasets.listing, name="datasets"),
    path("datasets/<str:dataset_id>/", datasets.one, name="dataset"),
]
