"""Django's entry to the carbon app."""

from django.apps import AppConfig


class CarbonConfig(AppConfig):
    """Configuration of `apps.carbon`: the ledger meters every execution of a job."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.carbon"
    label = "carbon"

    def ready(self) -> None:
        """Check where the power comes from, hook the ledger into the end of every execution, and show its figures."""
        from apps.carbon.wiring import check_place, register

        check_place()
        register()
