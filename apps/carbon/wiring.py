"""What the ledger makes known to the apps below, and what it asks of the settings."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.carbon import observatory
from apps.carbon.engine.places import WORLD, UnknownPlace, atlas
from apps.carbon.services import budgets_enforce, ledger_fold, on_attempts_ended, reservations_expire
from apps.core.jobs import kinds, upkeep


def register() -> None:
    """Register with the apps below."""
    kinds.on_attempt_end(on_attempts_ended)
    upkeep.register("the sums of the ledger", ledger_fold)
    upkeep.register("spent budgets", budgets_enforce)
    upkeep.register("promises of budgets", reservations_expire)
    observatory.register()


def check_place() -> None:
    """An unknown place stops the start: it would become somebody's default."""
    code = settings.CONFIG.carbon_location
    if code.strip().upper() == WORLD:
        return
    try:
        atlas().find(code)
    except UnknownPlace as error:
        known = atlas()
        remedy = " The places come with the package codecarbon, which is not installed." if len(known) == 1 else ""
        raise ImproperlyConfigured(f"TERRARIUM_CARBON_LOCATION: {error}{remedy}") from None
