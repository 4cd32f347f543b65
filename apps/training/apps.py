"""Django's entry to the training app."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Configuration of `apps.training`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.training"
    label = "training"

    def ready(self) -> None:
        """Make known what this app has."""
        from apps.training import wiring  # needs the models

        wiring.register()
