"""Django's entry to the tasks app."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Configuration of `apps.tasks`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.tasks"
    label = "tasks"

    def ready(self) -> None:
        """Make this app's tabs and its part of the search known."""
        from apps.tasks import search, tabs  # needs the models

        tabs.register()
        search.register()
