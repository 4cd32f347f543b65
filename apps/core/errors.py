"""One tree of errors. Each knows its code, its HTTP status and, where there is one, the field and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import ValidationError


class TerrariumError(Exception):
    """Base: what went wrong, said to a person, with a stable code for programs."""

    code = "INTERNAL_ERROR"
    status = 500
    headers: ClassVar[Mapping[str, str]] = {}
    """Of the answer, beside those of its status."""

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Invalid(TerrariumError):
    """The request cannot be used as it is. Names the field and what to do about it."""

    code = "VALIDATION_ERROR"
    status = 422

    def __init__(self, message: str, *, field: str | None = None, details: dict[str, Any] | None = None) -> None:
        merged = dict(details or {})
        if field is not None:
            problem = {"field": field, "error": message}
            merged = {**problem, "errors": [problem], **merged}
        super().__init__(message, details=merged or None)
        self.field = field

    @classmethod
    def of_fields(cls, problems: Sequence[tuple[str, str]]) -> Invalid:
        """Several fields at once: the first speaks, `details.errors` has them all."""
        field, error = problems[0]
        errors = [{"field": name, "error": text} for name, text in problems]
        message = f"{field}: {error}" if field else error
        return cls(message, details={"field": field, "error": error, "errors": errors})

    @classmethod
    def from_pydantic(cls, error: ValidationError, *, within: str = "") -> Invalid:
        """A pydantic refusal of something a person or program wrote; `within` names the part it stood in."""
        return cls.of_fields(
            [
                (".".join([*([within] if within else []), *map(str, problem["loc"])]), plain_message(problem["msg"]))
                for problem in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        )


class BadRequest(TerrariumError):
    """The request cannot even be read."""

    code = "BAD_REQUEST"
    status = 400


class NotFound(TerrariumError):
    """There is no such thing, or not for this reader."""

    code = "NOT_FOUND"
    status = 404


class Unauthorized(TerrariumError):
    """Nobody is signed in."""

    code = "UNAUTHORIZED"
    status = 401


class Forbidden(TerrariumError):
    """Signed in, but this is not theirs to do."""

    code = "FORBIDDEN"
    status = 403


class MethodNotAllowed(TerrariumError):
    """The address exists, but not for this HTTP method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class Conflict(TerrariumError):
    """The thing is not in a state that allows this."""

    code = "CONFLICT"
    status = 409


class TooLarge(TerrariumError):
    """More than we take in one request."""

    code = "TOO_LARGE"
    status = 413


class UnsupportedMedia(TerrariumError):
    """The body is not of a type we read."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class Throttled(TerrariumError):
    """Too many requests; `details.retry_after` says how many seconds to wait."""

    code = "RATE_LIMITED"
    status = 429


class Unavailable(TerrariumError):
    """Something we depend on does not answer."""

    code = "UNAVAILABLE"
    status = 503


class StorageFull(TerrariumError):
    """The disk or a quota is used up; nothing of what was to be written is kept."""

    code = "STORAGE_FULL"
    status = 507


def plain_message(message: str) -> str:
    """Pydantic's wording without its prefix."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
