"""Django's entry to the core app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Configuration of `apps.core`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        """Our checks on the settings, a memory for faults in pages, what requests cost, what moves on every page, what
        becomes of the metrics that jobs report, and what services say."""
        from django.core.signals import got_request_exception
        from django.db.backends.signals import connection_created

        from apps.core import checks, live  # noqa: F401
        from apps.core.jobs import kinds
        from apps.core.live.shell import SHELL
        from apps.core.metrics.hearing import metrics_heard
        from apps.core.serving import events as service_events
        from apps.core.timing import count_statements
        from apps.core.views.errors import remember_fault

        got_request_exception.connect(remember_fault, dispatch_uid="terrarium.remember_fault")
        connection_created.connect(count_statements, dispatch_uid="terrarium.count_statements")
        live.register(SHELL)
        kinds.on_any_report(metrics_heard)
        service_events.register()
