"""Curves of carbon intensity: uploaded whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction

from apps.carbon.engine.curves import BadCurve, Curve, read_csv
from apps.carbon.engine.places import UnknownPlace, atlas
from apps.carbon.models import IntensityCurve, IntensityHour
from apps.carbon.queries.rates import rates_forget
from apps.core.access import require_role
from apps.core.errors import Conflict, Invalid
from apps.core.models import Role, User


def curve_upload(*, location: str, name: str, text: str, by: User) -> IntensityCurve:
    """Keep a curve of a place. Every fault is named with its line; one that overlaps another is refused."""
    require_role(by, Role.ADMIN)
    try:
        place = atlas().find(location)
    except UnknownPlace as error:
        raise Invalid(str(error), field="location", details={"near": [one.code for one in error.near]}) from None
    try:
        curve = read_csv(text)
    except BadCurve as error:
        raise Invalid.of_fields([("file", f"line {line}: {reason}") for line, reason in error.faults]) from None
    starts_at = datetime.fromtimestamp(curve.start, UTC)
    try:
        with transaction.atomic():
            made = IntensityCurve.objects.create(
                location=place.code, name=name[:120], starts_at=starts_at, hours=len(curve.grams), created_by=by
            )
            IntensityHour.objects.bulk_create(_hours(made, curve, starts_at), batch_size=500)
    except IntegrityError:
        raise Conflict(
            f"There is a curve of {place.code} for some of these hours already: delete it, or upload the others only."
        ) from None
    transaction.on_commit(rates_forget)
    return made


def _hours(made: IntensityCurve, curve: Curve, starts_at: datetime) -> list[IntensityHour]:
    return [
        IntensityHour(curve=made, location=made.location, hour=starts_at + timedelta(hours=number), grams_per_kwh=grams)
        for number, grams in enumerate(curve.grams)
    ]


def curve_delete(*, curve: IntensityCurve, by: User) -> None:
    """Forget a curve. Figures made with it keep the intensity they were made with."""
    require_role(by, Role.ADMIN)
    curve.delete()
    transaction.on_commit(rates_forget)
