"""Django's entry to the core app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Configuration of `apps.core`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        """Our checks on the settings, a memory for faults in pages, and what moves on every page."""
        from django.core.signals import got_request_exception

        from apps.core import checks, live  # noqa: F401
        from apps.core.live.shell import SHELL
        from apps.core.views.errors import remember_fault

        got_request_exception.connect(remember_fault, dispatch_uid="terrarium.remember_fault")
        live.register(SHELL)
