"""Django's entry to the lab app."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    """Configuration of `apps.lab`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.lab"
    label = "lab"

    def ready(self) -> None:
        """Tell the search what it can find, the observatory its part, and live delivery which pages move."""
        from apps.lab import live, observatory, search_providers

        search_providers.register()
        observatory.register()
        live.register()
