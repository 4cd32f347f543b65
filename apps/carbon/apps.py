"""Django's entry to the carbon app."""

from django.apps import AppConfig


class CarbonConfig(AppConfig):
    """Configuration of `apps.carbon`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.carbon"
    label = "carbon"
