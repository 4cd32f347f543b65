"""What every answer carries: a policy that lets no foreign and no inline script run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.core.middleware import SecurityHeadersMiddleware
from apps.core.security import allow_inline_styles

from .conftest import People


def policy(response: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


PATHS = ["/", "/login/", "/account/", "/healthz", "/api/v1/auth/me", "/nowhere/", "/admin/", "/people/", "/tasks/%00"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_policy(as_: Callable[..., Client], people: People, path: str) -> None:
    answer = as_(people.admin).get(path)
    rules = policy(answer)
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["object-src"] == "'none'"
    assert rules["base-uri"] == "'self'"
    assert rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert rules["connect-src"] == "'self' ws://testserver"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_styles_are_our_own_unless_a_view_draws_charts(as_: Callable[..., Client], people: People) -> None:
    assert policy(as_(people.owner).get("/account/"))["style-src"] == "'self'"

    @allow_inline_styles
    def chart(request: HttpRequest) -> HttpResponse:
        return HttpResponse("a chart")

    answer = SecurityHeadersMiddleware(chart)(RequestFactory().get("/chart"))
    rules = policy(answer)
    assert rules["style-src"] == "'self' 'unsafe-inline'"
    assert rules["script-src"] == "'self'"


def test_sockets_are_named_secure_where_the_page_is(people: People, as_: Callable[..., Client]) -> None:
    answer = as_(people.owner).get("/account/", secure=True)
    assert policy(answer)["connect-src"] == "'self' wss://testserver"


def test_what_members_see_is_kept_by_nobody_else(as_: Callable[..., Client], people: People) -> None:
    assert "private" in as_(people.owner).get("/account/")["Cache-Control"]
    assert "no-store" in Client().get("/login/")["Cache-Control"]


def test_a_newline_in_what_becomes_a_header_stays_out_of_it(anonymous: Client, people: People) -> None:
    answer = anonymous.get("/account/", {"a": "b\r\nSet-Cookie: x=1"})
    assert "\n" not in answer["Location"]
    assert "x" not in answer.cookies
    htmx = anonymous.get("/account/", headers={"hx-request": "true", "hx-current-url": "http://testserver/a%0d%0aX: 1"})
    assert "\r" not in htmx["HX-Redirect"]


@pytest.mark.parametrize("path", ["/account/", "/people/", "/account/password/", "/login/", "/nowhere/", "/admin/"])
def test_pages_hold_no_inline_script_style_or_handler(as_: Callable[..., Client], people: People, path: str) -> None:
    import re

    client = Client() if path == "/login/" else as_(people.admin)
    text = client.get(path).content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", text)
    assert not re.search(r"<style|\sstyle=\"", text)
    assert not re.search(r"\son[a-z]+=\"", text)
    assert "https://" not in re.sub(r"https://www\.djangoproject\.com/?", "", text)


def test_the_apis_reference_is_for_members_and_asks_no_other_host(
    anonymous: Client, as_: Callable[..., Client], people: People
) -> None:
    docs, schema = reverse("api-docs"), reverse("openapi")
    assert (docs, schema) == ("/api/docs", "/api/openapi.json")
    assert anonymous.get(docs).status_code == 302
    assert anonymous.get(schema).status_code == 401
    page = as_(people.viewer).get(docs)
    assert page.status_code == 200
    assert b"//cdn" not in page.content
    assert b"/static/ninja/swagger-ui-bundle.js" in page.content
    document = as_(people.viewer).get(schema).json()
    assert document["openapi"].startswith("3.")
    assert as_(people.viewer).get("/api/v1/docs")["Location"] == docs
