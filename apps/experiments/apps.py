"""Django's entry to the experiments app."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Configuration of `apps.experiments`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.experiments"
    label = "experiments"
