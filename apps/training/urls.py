"""Pages of the training app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.training.views import datasets, making

app_name = "training"
urlpatterns: list[URLPattern] = [
    path("", datasets.home, name="home"),
    path("datasets/", datasets.listing, name="datasets"),
    path("datasets/new/", making.new, name="new"),
    path("datasets/new/estimate/", making.estimate, name="estimate"),
    path("datasets/<str:dataset_id>/", datasets.one, name="dataset"),
    path("datasets/<str:dataset_id>/statistics/", datasets.statistics, name="statistics"),
    path("datasets/<str:dataset_id>/lineage/", datasets.lineage, name="lineage"),
    path("datasets/<str:dataset_id>/mapping/", datasets.mapping, name="mapping"),
    path("datasets/<str:dataset_id>/content/", datasets.content, name="content"),
    path("datasets/<str:dataset_id>/do/<str:action>/", datasets.act, name="act"),
]
