"""Changing prices: a new version each time."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from apps.carbon.engine.prices import BadPrices, read_prices
from apps.carbon.models import PriceList
from apps.carbon.queries.rates import rates_forget
from apps.core.access import require_role
from apps.core.errors import Conflict, Invalid
from apps.core.models import Role, User


def prices_check(prices: Any) -> dict[str, Any]:
    """The prices in their stored form; `Invalid` names the field."""
    try:
        return read_prices(prices, version=1).as_json()
    except BadPrices as error:
        raise Invalid(str(error), field="prices") from None


def prices_add(*, prices: Any, note: str = "", by: User) -> PriceList:
    """A new list, which holds from now on (admins)."""
    require_role(by, Role.ADMIN)
    stored = prices_check(prices)
    try:
        with transaction.atomic():
            last = PriceList.objects.aggregate(last=Max("version"))["last"] or 0
            made = PriceList.objects.create(version=last + 1, prices=stored, note=note[:200], created_by=by)
    except IntegrityError:
        raise Conflict("Somebody else has just changed the prices: look at theirs, then change them again.") from None
    transaction.on_commit(rates_forget)
    return made
