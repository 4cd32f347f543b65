"""What makes the NinjaAPI ours: how bodies are read, how errors are told, what the schema promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser

from apps.core.api.schemas import ErrorResponse
from apps.core.edge.requests import objection_to_form
from apps.core.edge.text import UnreadableText, UnusableText, read_json, twice_in_words
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
    "507": "The disk is full",
}
_TWICE, _JUDGES = "_key_that_stands_twice", "_judges_double_keys"
V = TypeVar("V", bound=Callable[..., Any])
_CSRF_FIELD = "csrfmiddlewaretoken"
_SCHEMA_REF = {"$ref": "#/components/schemas/ErrorResponse"}


class StrictParser(Parser):
    """Bodies and forms as `apps.core.edge.text` lets them through."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body; the wrong type and what cannot be kept are refused by name."""
        if request.content_type != "application/json":
            raise UnsupportedMedia("Send the body as application/json.")
        try:
            return read_json(request.body, on_twice=lambda key: setattr(request, _TWICE, key))
        except UnreadableText as error:
            raise BadRequest(f"The body is not valid JSON: {error}.") from None
        except UnusableText as error:
            raise Invalid(error.message, field=error.field or "body") from None

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> Any:
        """Query, form and files. A multipart body is read here first, so its text is looked at here."""
        objection = objection_to_form(request)
        if objection is not None:
            raise objection
        return super().parse_querydict(data, list_fields, request)


class TerrariumAPI(NinjaAPI):
    """The one API object; `config.api` makes it and adds every app's router."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(parser=StrictParser(), **kwargs)
        self.add_decorator(_nothing_else)
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


def judges_double_keys(view: V) -> V:
    """Mark an endpoint that looks for keys that stand twice itself, and says more about them than a parser can."""
    setattr(view, _JUDGES, True)
    return view


def _nothing_else(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse parameters an endpoint does not have: a name with a slip in it would change nothing, silently."""
    operation: Operation = view._ninja_operation  # type: ignore[attr-defined]
    known = {"query": _names_of(operation, "query"), "form": _names_of(operation, "form", "file") | {_CSRF_FIELD}}

    @wraps(view)
    def checked(request: HttpRequest, **values: Any) -> Any:
        twice = getattr(request, _TWICE, None)
        if twice is not None and not getattr(view, _JUDGES, False):
            raise BadRequest(f"The body is not valid JSON: {twice_in_words(twice)}.")
        _refuse_others(request.GET, known["query"])
        if request.content_type == "multipart/form-data":
            _refuse_others([*request.POST, *request.FILES], known["form"])
        return view(request, **values)

    return checked


def _names_of(operation: Operation, *sources: str) -> frozenset[str]:
    """What a request may call its values; those of a model stand beside each other, without the model's own name."""
    models = [model for model in operation.models if model.__ninja_param_source__ in sources]
    return frozenset(name for model in models for name in getattr(model, "__ninja_flatten_map__", model.model_fields))


def _refuse_others(given: Iterable[str], known: frozenset[str]) -> None:
    for name in given:
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "there are none"
            raise Invalid(f"There is no parameter {name[:60]!r} here; {there}.", field=name[:60])
