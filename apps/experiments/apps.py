"""Django's entry to the experiments app."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Configuration of `apps.experiments`: makes its kind of job and its parts of other apps' pages known."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.experiments"
    label = "experiments"

    def ready(self) -> None:
        """Register with the apps below."""
        from apps.experiments.wiring import register

        register()
