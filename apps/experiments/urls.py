"""Pages of the experiments app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.experiments.views import actions, cells, create, detail, export, listing

app_name = "experiments"
urlpatterns: list[URLPattern] = [
    path("", listing.listing, name="list"),
    path("new/", create.new, name="new"),
    path("new/estimate/", create.estimate, name="estimate"),
    path("new/from-tasks/", create.new_from_tasks, name="new-from-tasks"),
    path("<str:experiment_id>/", detail.matrix, name="detail"),
    path("<str:experiment_id>/curves/", detail.curves, name="curves"),
    path("<str:experiment_id>/tasks/", detail.tasks, name="tasks"),
    path("<str:experiment_id>/config/", detail.config, name="config"),
    path("<str:experiment_id>/log/", detail.log, name="log"),
    path("<str:experiment_id>/export/", export.export, name="export"),
    path("<str:experiment_id>/standing/", detail.standing, name="standing"),
    path("<str:experiment_id>/edit/", create.edit, name="edit"),
    path("<str:experiment_id>/cells/<int:position>/", cells.cell, name="cell"),
    path("<str:experiment_id>/cells/<int:position>/hint/", cells.hint, name="cell-hint"),
    path("<str:experiment_id>/cells/<int:position>/replay/<int:test>/<int:attempt>/", cells.replay, name="cell-replay"),
    path("<str:experiment_id>/cells/<int:position>/retry/", actions.retry_cell, name="cell-retry"),
    path("<str:experiment_id>/do/<str:action>/", actions.act, name="act"),
]
