"""Django's entry to the carbon app."""

from django.apps import AppConfig


class CarbonConfig(AppConfig):
    """Configuration of `apps.carbon`: the ledger meters every execution of a job."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.carbon"
    label = "carbon"

    def ready(self) -> None:
        """Hook the ledger into the end of every execution, and show its figures."""
        from apps.carbon import observatory
        from apps.carbon.services import on_attempts_ended
        from apps.core.jobs import kinds

        kinds.on_attempt_end(on_attempts_ended)
        observatory.register()
