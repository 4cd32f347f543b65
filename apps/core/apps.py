"""Django's entry to the core app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Configuration of `apps.core`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.core"
    label = "core"
