"""Every way a request can fail, told as one `TerrariumError`; what nobody expected is kept as a system event."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import traceback
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import BadRequest as DjangoBadRequest
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, DataError, InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, RawPostDataException, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError

from apps.core.disk import trouble_of
from apps.core.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    StorageFull,
    TerrariumError,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
    plain_message,
)
from apps.core.models import Severity
from apps.core.redaction import masked
from apps.core.system_events import system_event_record

logger = logging.getLogger(__name__)

_BY_STATUS: dict[int, type[TerrariumError]] = {
    error.status: error
    for error in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        TooLarge,
        UnsupportedMedia,
        Throttled,
        Unavailable,
        StorageFull,
    )
}
_TOO_LARGE = "There is more in the fields of this form than we take in. Send long text as a file, or in parts."
_STOPPING_OR_STARTING = ("57P0", "08")
_WORDS = {
    400: "The request cannot be read.",
    401: "Sign in, or send an API key or token as `Authorization: Bearer`.",
    403: "This is not yours to do.",
    404: "There is nothing at this address.",
    405: "This address does not take that HTTP method.",
    413: "That is more than we take in one request.",
    415: "Send the body as application/json.",
    429: "Too many requests.",
    503: "Something we depend on does not answer. Try again in a moment.",
    507: "There is no room to write.",
}


def error_body(error: TerrariumError) -> dict[str, Any]:
    """The specs' ErrorResponse."""
    return {"success": False, "error": {"code": error.code, "message": error.message, "details": error.details}}


def error_headers(error: TerrariumError) -> dict[str, str]:
    """What a status asks for beside its body."""
    headers = dict(error.headers)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="terrarium"'
    retry_after = (error.details or {}).get("retry_after")
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return headers


def is_generic(error: TerrariumError) -> bool:
    """Whether the message only words the status, so that a page may add advice."""
    return error.message == _WORDS.get(error.status)


def of_status(status: int, *, details: dict[str, Any] | None = None) -> TerrariumError:
    """The error an HTTP status stands for, in our words."""
    error = _BY_STATUS.get(status, TerrariumError)(_WORDS.get(status, "The request failed."), details=details)
    error.status = status
    return error


def describe(error: BaseException) -> TerrariumError | None:
    """The error a person or program caused or can understand; nothing for a fault of ours."""
    if isinstance(error, TerrariumError):
        return error
    if isinstance(error, NinjaValidationError):
        return Invalid.of_fields([(_field(problem["loc"]), plain_message(problem["msg"])) for problem in error.errors])
    if isinstance(error, DjangoValidationError):
        return Invalid.of_fields(_model_problems(error))
    if isinstance(error, HttpError):  # what could not be parsed says why in its cause
        cause = describe(error.__cause__) if error.__cause__ is not None else None
        return cause or of_status(error.status_code)
    if isinstance(error, Http404):
        return of_status(404)
    if isinstance(error, PermissionDenied):
        return of_status(403)
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return TooLarge(_TOO_LARGE)
    if isinstance(error, MultiPartParserError | DjangoBadRequest):  # these say what is wrong with it
        return BadRequest(f"The body cannot be read: {error}")
    if isinstance(error, RawPostDataException):  # a form was sent where JSON is read
        return of_status(415)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return of_status(400)
    return None


def failure_of(error: BaseException, request: HttpRequest | None) -> TerrariumError:
    """What to answer. Faults of ours are logged and recorded once a fingerprint, and answered with an id only."""
    known = describe(error)
    if known is not None and known.status < 500:
        return known
    trouble = trouble_of(error)
    if trouble is not None:  # of the disk: said by its name, and not kept, for there is no room or no writing
        return trouble
    error_id = unexpected_record(error, request)
    if known is not None:
        return known
    if isinstance(error, DataError | OverflowError):
        return Invalid("A value is outside the range its column holds.", details={"error_id": error_id})
    if isinstance(error, OperationalError | InterfaceError):
        again = {"error_id": error_id, "retry_after": 5}
        return Unavailable("The database does not answer. Try again in a moment.", details=again)
    return TerrariumError(
        f"Something went wrong on our side. It has been recorded as {error_id}, and nothing you had saved is lost.",
        details={"error_id": error_id},
    )


def unexpected_record(error: BaseException, request: HttpRequest | None) -> str:
    """Keep a fault as one system event a fingerprint; returns the id that finds it in the search."""
    error_id = f"err_{_fingerprint(error)}"
    where = f"{request.method} {request.path}" if request is not None else ""
    logger.error("%s %s", error_id, where, exc_info=error)
    record = {
        "event_type": "unexpected_error",
        "event_source": "web",
        "severity": Severity.ERROR,
        "message": masked(f"{type(error).__name__} at {where}: {error}")[:2000],
        "context": {"error_id": error_id, "request": masked(where)[:500], "user": _user_id(request)},
        "stack_trace": masked("".join(traceback.format_exception(error)))[-20000:],
        "dedupe_key": error_id,
    }
    if _is_out_of_reach(error):  # then there is nothing to record it with, and asking again takes long
        return error_id
    if _in_event_loop():  # the database is not for the loop's thread
        threading.Thread(target=_record_apart, args=(record,), name="record-error").start()
    else:
        _record(record)
    return error_id


def _record(record: Mapping[str, Any]) -> None:
    try:
        system_event_record(**record)
    except DatabaseError as error:
        logger.warning("The error could not be recorded: %s", error)


def _record_apart(record: Mapping[str, Any]) -> None:
    try:
        _record(record)
    finally:
        connection.close()


def _is_out_of_reach(error: BaseException) -> bool:
    """Whether a PostgreSQL server could not be talked to at all; what the server itself refuses has a state."""
    connecting = isinstance(error, OperationalError | InterfaceError) and connection.vendor == "postgresql"
    state = getattr(error.__cause__, "sqlstate", None)
    return connecting and (state is None or state.startswith(_STOPPING_OR_STARTING))


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _fingerprint(error: BaseException) -> str:
    """The same fault has the same one: its type and the functions it came through, not its words."""
    frames = traceback.extract_tb(error.__traceback__)
    trail = "|".join(f"{frame.filename}:{frame.name}" for frame in frames[-12:])
    return hashlib.sha256(f"{type(error).__qualname__}|{trail}".encode()).hexdigest()[:12]


def _user_id(request: HttpRequest | None) -> str | None:
    """Who met it, without asking the database again in the middle of a failure."""
    cached = getattr(request, "_cached_user", None)
    return getattr(cached, "pk", None)


def _field(location: Any) -> str:
    """`('body', 'payload', 'lora_r')` is the field `lora_r`; the framework's own names are nobody's business."""
    parts = [str(part) for part in location]
    if parts and parts[0] in {"body", "form", "file"}:
        return ".".join(parts[2:]) or "body"
    return ".".join(parts[1:]) or "request"


def _model_problems(error: DjangoValidationError) -> list[tuple[str, str]]:
    if hasattr(error, "error_dict"):
        return [
            ("" if field == "__all__" else field, text) for field, texts in error.message_dict.items() for text in texts
        ]
    return [("", text) for text in error.messages]
