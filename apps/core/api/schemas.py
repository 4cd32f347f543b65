"""Shapes every endpoint shares, as the specs have them."""

from __future__ import annotations

from typing import Any

from ninja import Schema


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
