"""Attacks that must go on failing, tried on everything there is: what comes later is tried too, without being named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import DatabaseError, models, transaction
from django.db.models import CharField, TextField
from django.test import Client

from apps.core.accounts import api_key_create
from apps.core.models import ApiKey, User
from config.api import api

from .conftest import PASSWORD, People, Program
from .furnished import furnish
from .walk import PAGES, READS, addresses, filled, operations, state

ELSEWHERE = "https://evil.example"
OF_THE_SERVER = {
    "is_superuser": True, "is_staff": True, "role": "admin", "id": "user_x", "owner": "user_x", "owner_id": "user_x",
    "created_by": "user_x", "created_by_id": "user_x", "secret_hash": "0", "access_generation": 9, "status": "completed",
    "score": 1.0, "attempt": 9, "last_login": "2000-01-01T00:00:00Z", "password": PASSWORD, "__class__": "x",
}  # fmt: skip
"""What no request may set by naming it, wherever it is no parameter."""


@pytest.fixture(autouse=True)
def unhurried(settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})


def client_of(people: People, name: str, *scopes: str) -> Client:
    return Program(api_key_create(owner=getattr(people, name), name="a", scopes=scopes)[1]).client


def test_no_other_origin_is_ever_let_in(people: People) -> None:
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    asks = {
        "origin": ELSEWHERE,
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "authorization",
    }
    addressed = {filled(path, ids) for _method, path in operations() if not path.endswith("/stream")}
    addressed |= {page for route in PAGES for page in addresses(route, ids)[:1]}
    for who in (browser, client_of(people, "admin", "read"), Client(raise_request_exception=False)):
        for address in sorted(addressed):
            for method in ("options", "get"):
                if address.startswith("/logout"):
                    continue
                answer = getattr(who, method)(address, headers=asks)
                told = [name for name in answer.headers if name.lower().startswith("access-control-")]
                assert told == [], f"{method} {address}: {told}"


def bodies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every write that takes JSON, with the properties its schema knows."""
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    for method, path in operations():
        content = document["paths"][path][method].get("requestBody", {}).get("content", {}).get("application/json")
        if method not in READS and content is not None:
            schema = content["schema"]
            name = schema.get("$ref", "").rsplit("/", 1)[-1]
            yield method, path, (document["components"]["schemas"].get(name) or schema).get("properties", {})


def test_nothing_is_set_by_naming_what_is_no_parameter(people: People) -> None:
    ids = furnish(people)
    client = client_of(people, "admin", "read", "write", "admin")
    before = state()
    tried = 0
    for method, path, known in bodies():
        for name, value in OF_THE_SERVER.items():
            if name in known:
                continue
            answer = client.generic(method.upper(), filled(path, ids), json.dumps({name: value}), "application/json")
            tried += 1
            assert answer.status_code in {400, 404, 409, 422}, f"{method} {path} {name}: {answer.status_code}"
            if answer.status_code == 422 and "errors" in (answer.json()["error"]["details"] or {}):
                fields = {one["field"].split(".")[-1] for one in answer.json()["error"]["details"]["errors"]}
                assert name in fields, f"{method} {path}: {name} is passed over, not refused ({fields})"
    assert tried > 200
    assert state() == before


def test_no_form_sets_what_it_does_not_show(people: People) -> None:
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.viewer)
    mine = {"first_name": "Vera", "last_name": "", "email": "vera@example.org"}
    for route in PAGES:
        if not route.startswith("/log"):
            for page in addresses(route, ids):
                browser.post(page, {**OF_THE_SERVER, **mine})
    vera = User.objects.get(pk=people.viewer.pk)
    assert (vera.role, vera.is_superuser, vera.is_staff, vera.access_generation) == ("viewer", False, False, 0)
    assert User.objects.filter(pk="user_x").count() == 0
    curator = Client(raise_request_exception=False)
    curator.force_login(people.curator)
    for model in admin.site._registry:
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/"
        curator.post(page, {**OF_THE_SERVER, "username": "mallory", "family_name": "Mallory's"})
    assert not User.objects.filter(username="mallory").exists()
    assert User.objects.filter(role="admin").count() == 1


SCRIPT = "<script>alert('w')</script>\"><img src=x onerror=alert(1)>{{7*7}}"
RAW = ("<script>alert('w')", "<img src=x onerror", "onerror=alert(1)>")


def texts() -> Iterator[tuple[type[models.Model], models.Field[Any, Any]]]:
    """Every column of ours that holds free text."""
    for model in apps.get_models():
        if model.__module__.startswith("apps."):
            for column in model._meta.concrete_fields:
                if isinstance(column, CharField | TextField) and not (
                    column.choices or column.primary_key or column.is_relation or column.unique
                ):
                    yield model, column


def poison() -> int:
    """Put markup wherever the database takes it; how many columns took it."""
    took = 0
    for model, column in texts():
        text = SCRIPT[: column.max_length] if column.max_length else SCRIPT
        try:
            with transaction.atomic():
                took += bool(model._base_manager.update(**{column.attname: text}))
        except DatabaseError:
            continue
    return took


def test_no_text_becomes_markup_on_any_page(people: People) -> None:
    ids = furnish(people)
    User.objects.filter(pk=people.owner.pk).update(username=SCRIPT, first_name=SCRIPT, email=SCRIPT)
    assert poison() > 15
    browser = Client(raise_request_exception=False)
    browser.force_login(User.objects.get(pk=people.admin.pk))
    User.objects.filter(pk=people.admin.pk).update(is_active=True)
    shown = 0
    pages = [page for route in PAGES if not route.startswith("/log") for page in addresses(route, ids)[:1]]
    for model in admin.site._registry:
        listed = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        row = model._base_manager.order_by("pk").values_list("pk", flat=True).first()
        pages += [listed] + ([f"{listed}{row}/change/"] if row is not None else [])
    for page in [*pages, f"/search/?q={SCRIPT}", f"/tasks/?q={SCRIPT}", f"/nowhere/{SCRIPT}"]:
        for htmx in ({}, {"hx-request": "true"}):
            answer = browser.get(page, headers=htmx)
            if "html" not in answer.headers["Content-Type"] or answer.streaming:
                continue
            text = answer.content.decode()
            for raw in RAW:
                assert raw not in text, f"{page}: {text[max(0, text.find(raw) - 200) : text.find(raw) + 100]}"
            assert "{49}" not in text
            shown += "&lt;script&gt;" in text
    assert shown > 15, "the markup was there to be shown"


def test_what_a_form_sends_back_is_text_too(people: People) -> None:
    furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    sent = {"name": SCRIPT, "hypothesis": SCRIPT, "username": SCRIPT, "email": SCRIPT, "family_name": SCRIPT, "q": SCRIPT,
            "dataset": SCRIPT, "next": SCRIPT, "scopes": SCRIPT, "role": SCRIPT, "first_name": SCRIPT}  # fmt: skip
    for page in ("/experiments/new/", "/experiments/estimate/", "/people/invite/", "/account/", "/account/keys/", "/login/",
                 "/tasks/import/", "/admin/tasks/taskfamily/add/"):  # fmt: skip
        for htmx in ({}, {"hx-request": "true"}):
            text = browser.post(page, sent, headers=htmx, follow=True).content.decode()
            assert not any(raw in text for raw in RAW), page


INJECTIONS = ["' OR '1'='1", "'; DELETE FROM core_user; --", '" OR ""="', "%' OR 1=1 --", "1) OR (1=1", "\\' OR 1=1 --",
              "x' UNION SELECT password FROM core_user --", "$$; DROP TABLE core_job; $$", "*", '"', "NEAR(a b)"]  # fmt: skip


def test_no_text_is_ever_a_statement(people: People) -> None:
    """A filter that is given one finds no more than it finds for nonsense, and nothing changes."""
    ids = furnish(people)
    client = client_of(people, "admin", "read", "write", "admin")
    before = state()
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    asked = 0
    for method, path in operations():
        if method != "get" or path.endswith("/stream"):
            continue
        for part in document["paths"][path]["get"].get("parameters", []):
            if part["in"] != "query" or part["schema"].get("type") != "string" or "enum" in part["schema"]:
                continue
            nonsense = client.get(filled(path, ids), {part["name"]: "zzqqxx"})
            for text in INJECTIONS:
                answer = client.get(filled(path, ids), {part["name"]: text})
                asked += 1
                assert answer.status_code in {nonsense.status_code, 422}, f"{path} {part['name']}={text}"
                found = {} if answer.streaming else answer.json()
                if answer.status_code == 200 and "total" in found:
                    assert found["total"] <= nonsense.json()["total"], f"{path} {part['name']}={text}"
    assert asked > 100
    assert state() == before
    assert ApiKey.objects.filter(revoked_at__isnull=True).exists()
