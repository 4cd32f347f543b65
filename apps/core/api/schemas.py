"""Shapes every endpoint shares, as the specs have them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict


def _in_utc(moment: datetime) -> datetime:
    """Offsets may be odder than a database takes, and the ends of the calendar have no UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("this moment is outside the calendar") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment a program sends: with its time zone, in UTC from here on."""


class Strict(Schema):
    """A body from outside. A field we do not have is refused: a slip in its name would change nothing, silently."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Schema):
    """What went wrong: a stable code, words for a person, and where there are any, the field and the remedy."""

    code: str
    message: str
    details: dict[str, Any] | None = None


class ErrorResponse(Schema):
    """The body of every error."""

    success: bool = False
    error: ErrorDetail


class SuccessResponse(Schema):
    """The answer to an action that leaves no resource to return."""

    success: bool = True
    message: str
    data: dict[str, Any] | None = None
