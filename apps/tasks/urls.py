"""Pages of the tasks app."""

from __future__ import annotations

from django.urls import path, register_converter

from apps.tasks.views import gallery, imports, task


class TaskIdConverter:
    """A task id in an address: `<dataset>:<raw id>`."""

    regex = r"[^/:]+:[^/]+"

    def to_python(self, value: str) -> str:
        """As it stands."""
        return value

    def to_url(self, value: str) -> str:
        """As it stands."""
        return value


register_converter(TaskIdConverter, "task")

app_name = "tasks"
urlpatterns = [
    path("", gallery.index, name="gallery"),
    path("leaks/", gallery.leaks, name="leaks"),
    path("family/fill/", gallery.family_fill, name="family-fill"),
    path("family/clear/", gallery.family_clear, name="family-clear"),
    path("export/", task.export, name="export"),
    path("import/", imports.start, name="import"),
    path("import/sets/", imports.canonical, name="import_sets"),
    path("import/<str:import_id>/", imports.one, name="import_one"),
    path("import/<str:import_id>/confirm/", imports.confirm, name="import_confirm"),
    path("<task:task_id>/", task.detail, name="task"),
    path("<task:task_id>/arc.json", task.download, name="download"),
    path("<task:task_id>/judge/", task.judge, name="judge"),
    path("<task:task_id>/truth/<int:number>/", task.truth, name="truth"),
    path("<task:task_id>/<slug:tab>/", task.detail, name="tab"),
]
