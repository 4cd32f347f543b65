"""What makes the NinjaAPI ours: how bodies are read, how errors are told, what the schema promises."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser

from apps.core.api.schemas import ErrorResponse
from apps.core.errors import BadRequest, Invalid, UnsupportedMedia
from apps.core.failures import error_body, error_headers, failure_of

_ERRORS = {
    "400": "The request cannot be read",
    "401": "Nobody is signed in",
    "403": "Not theirs to do",
    "404": "No such thing",
    "409": "Not in a state that allows this",
    "413": "Too large",
    "415": "Not a type we read",
    "422": "A value cannot be used; `details` names the field and the reason",
    "429": "Too many requests; `Retry-After` says how long to wait",
    "500": "A fault of ours",
    "503": "Something we depend on does not answer",
}
_SCHEMA_REF = {"$ref": "#/components/schemas/ErrorResponse"}


class StrictParser(Parser):
    """JSON as RFC 8259 has it, holding only text that a database can keep."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body; the wrong type, broken JSON, NaN, NUL and lone surrogates are refused by name."""
        if request.content_type != "application/json":
            raise UnsupportedMedia("Send the body as application/json.")
        try:
            text = request.body.decode("utf-8")
            value = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"The body is not valid JSON: {error}.") from None
        if "\\u" in text or "\x00" in text:
            _refuse_unstorable(value, "body")
        return value


class TerrariumAPI(NinjaAPI):
    """The one API object; `config.api` makes it and adds every app's router."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(parser=StrictParser(), **kwargs)
        for kind in (Exception, HttpError, NinjaValidationError):
            self.add_exception_handler(kind, self._answer)

    def _answer(self, request: HttpRequest, error: Any) -> HttpResponse:
        failure = failure_of(error, request)
        response = self.create_response(request, error_body(failure), status=failure.status)
        for name, value in error_headers(failure).items():
            response[name] = value
        return response

    def _lookup_exception_handler(self, exc: Any) -> Any:
        """One handler for all, also for those the framework has its own for."""
        return self._answer

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """The schema with every endpoint's errors in it."""
        schema = super().get_openapi_schema(**kwargs)
        for name, definition in _error_definitions().items():
            schema["components"].setdefault("schemas", {}).setdefault(name, definition)
        content = {"application/json": {"schema": _SCHEMA_REF}}
        for path in schema["paths"].values():
            for operation in path.values():
                responses = operation["responses"]
                documented = {str(status) for status in responses}
                for status, description in _ERRORS.items():
                    if status not in documented:
                        responses[status] = {"description": description, "content": content}
        return schema


def _error_definitions() -> dict[str, Any]:
    schema = ErrorResponse.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "ErrorResponse": schema}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_unstorable(value: Any, where: str) -> None:
    """Walk without recursion: depth is the sender's choice."""
    waiting = [(value, where)]
    while waiting:
        item, place = waiting.pop()
        if isinstance(item, str):
            if "\x00" in item or any("\ud800" <= character <= "\udfff" for character in item):
                raise Invalid("Text may not hold NUL or half of a surrogate pair.", field=place)
        elif isinstance(item, dict):
            waiting.extend((key, place) for key in item)
            waiting.extend((child, str(key)) for key, child in item.items())
        elif isinstance(item, list):
            waiting.extend((child, place) for child in item)
