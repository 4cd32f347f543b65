"""Every endpoint and every page by its address, with something real in the place of each parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from config.api import api

READS = {"get", "head", "options"}
VOLATILE = {
    "core.ApiKey": {"last_used_at"},
    "core.User": {"last_login", "last_looked_at"},
    "core.Worker": None,
}
"""What may change because somebody looked; of a worker, anything."""

NAMES = {
    "queue": "cpu",
    "number": "1",
    "position": "0",
    "test": "1",
    "attempt": "1",
    "tab": "experiments",
    "token": "no-such-link",
}
"""What stands for a parameter that is no row of ours."""

ACTIONS = {
    "/system/queues/": ("pause", "resume"),
    "/system/jobs/": ("cancel", "pause", "resume", "retry", "stop"),
    "/system/services/": ("stop", "restart"),
    "/training/": ("map", "split", "tokens", "describe", "cancel", "delete"),
    "/experiments/": ("start", "pause", "resume", "cancel", "retry", "rerun", "delete"),
}


def operations() -> list[tuple[str, str]]:
    """Every method and path of the OpenAPI document."""
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


def taking_files() -> set[tuple[str, str]]:
    """The operations whose body is a form of files and not JSON."""
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    return {
        (method, path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    }


def filled(path: str, ids: dict[str, str]) -> str:
    """The path with ids in place; a parameter nobody furnished is a defect of the fixture."""
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)


def send(client: Client, method: str, path: str, body: str = "{}") -> Any:
    """One request of a program."""
    if method == "get":
        return client.get(path)
    return client.generic(method.upper(), path, body, content_type="application/json")


def shown_by(answer: Any) -> str:
    """A page's text; a download has none that is looked at."""
    return "" if answer.streaming else str(answer.content, "utf-8", "replace")


def routes(patterns: list[Any] | None = None, prefix: str = "/") -> Iterator[str]:
    """The route of every page, with its parameters as Django writes them."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


PAGES = sorted({route for route in routes() if not route.startswith(("/api/v1", "/admin/")) and "^" not in route})


def addresses(route: str, ids: dict[str, str]) -> list[str]:
    """A route with things that are there; once for each action it may name."""
    stand_ins = {**NAMES, **ids}
    actions = next((named for start, named in ACTIONS.items() if route.startswith(start)), ("",))
    if "action>" not in route:
        actions = ("",)

    def stand_in(action: str) -> Any:
        return lambda found: action if found[1] == "action" else stand_ins[found[1]]

    return [re.sub(r"<(?:\w+:)?(\w+)>", stand_in(action), route) for action in actions]


def state() -> dict[str, list[dict[str, Any]]]:
    """All rows of ours, but for what looking alone may change."""
    found = {}
    for model in apps.get_models():
        label = model._meta.label
        ours = model.__module__.startswith("apps.")
        if ours and VOLATILE.get(label, set()) is not None:
            found[label] = _rows(model, VOLATILE.get(label) or set())
    return found


def _rows(model: type[models.Model], without: set[str]) -> list[dict[str, Any]]:
    columns = [field.attname for field in model._meta.concrete_fields if field.name not in without]
    return list(model._base_manager.order_by("pk").values(*columns))
