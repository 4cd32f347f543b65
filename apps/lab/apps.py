"""Django's entry to the lab app."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    """Configuration of `apps.lab`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.lab"
    label = "lab"
