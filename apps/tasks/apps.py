"""Django's entry to the tasks app."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Configuration of `apps.tasks`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.tasks"
    label = "tasks"

    def ready(self) -> None:
        """Make known what this app has."""
        from apps.tasks import wiring  # needs the models

        wiring.register()
