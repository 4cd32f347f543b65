"""Whatever text and whatever JSON somebody thinks of: all doors agree on whether it can be used, and none breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.accounts import api_key_create
from apps.core.edge.text import UnreadableText, UnusableText, is_usable, read_json
from apps.core.models import SystemEvent

from .conftest import People, Program
from .furnished import furnish

TEXT = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("\x00\x01\x7f\u2028\ufeff\U0010ffff'\"<&%")), max_size=40
)
WRITTEN = st.one_of(
    TEXT.map(json.dumps),
    st.sampled_from(
        [
            '"\\u0000"',
            '"\\ud800"',
            '"\\ud83d\\ude00"',
            "1e400",
            "-1e999",
            "NaN",
            "9" * 101,
            "0." + "1" * 120,
            "-0",
            "1E5",
        ]
    ),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
)
JSON_TEXT = st.recursive(
    WRITTEN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: f"[{','.join(parts)}]"),
        st.lists(st.tuples(st.sampled_from("abc"), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{name}":{part}' for name, part in pairs) + "}"
        ),
        st.tuples(inner, st.integers(1, 70)).map(lambda pair: "[" * pair[1] + pair[0] + "]" * pair[1]),
    ),
    max_leaves=6,
)
SEARCH = settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)


@pytest.fixture
def doors(people: People, settings: Any) -> tuple[Client, Client, str]:
    """A curator's browser, an admin's program, and a family both may change."""
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.curator)
    _key, text = api_key_create(owner=people.admin, name="a", scopes=["read", "write", "admin"])
    return browser, Program(text).client, ids["family_id"]


def test_any_text_is_taken_by_all_or_by_none(doors: tuple[Client, Client, str]) -> None:
    browser, program, family = doors

    @SEARCH
    @given(text=TEXT)
    def holds(text: str) -> None:
        typed = {"family_name": "Mirrors", "description": f"d {text}", "common_patterns": "[]"}
        answers = {
            "api": program.patch(
                f"/api/v1/tasks/families/{family}", {"description": f"d {text}"}, content_type="application/json"
            ),
            "admin": browser.post(f"/admin/tasks/taskfamily/{family}/change/", typed),
            "page": browser.get("/tasks/", {"q": text}),
            "query": program.get("/api/v1/tasks", {"search": text}),
            "path": program.get(
                f"/api/v1/jobs/{'x' if not text.strip('./') else text.replace('/', '_').replace('%', '_')}"
            ),
        }
        for door, answer in answers.items():
            assert answer.status_code < 500, f"{door}: {text!r}: {answer.status_code}"
        taken = {door: answers[door].status_code < 400 for door in ("api", "admin", "page")}
        assert set(taken.values()) == {is_usable(text)}, f"{text!r}: {taken}"

    holds()
    assert not SystemEvent.objects.filter(event_type="unexpected_error").exists()


def test_any_json_is_taken_by_all_or_by_none_and_read_back(doors: tuple[Client, Client, str]) -> None:
    browser, program, _family = doors
    address = "/admin/tasks/arctask/lab:a/change/"
    shown = browser.get(address).context["adminform"].form
    form = {name: "" if value is None else value for name, value in shown.initial.items() if name in shown.fields}

    taken: set[str] = set()

    @SEARCH
    @given(written=JSON_TEXT)
    def holds(written: str) -> None:
        body = f'{{"metadata": {{"it": {written}}}}}'
        try:
            read_json(body)
            usable = True
        except (UnreadableText, UnusableText):
            usable = False
        by_api = program.patch("/api/v1/tasks/lab:a", body, content_type="application/json")
        by_form = browser.post(address, {**form, "metadata": f'{{"it": {written}}}'})
        for door, answer in (("api", by_api), ("form", by_form)):
            assert answer.status_code < 500, f"{door}: {written[:200]}: {answer.status_code}"
            taken.update([door] if answer.status_code == (302 if door == "form" else 200) and usable else [])
        if not usable:
            assert 400 <= by_api.status_code < 500, written[:200]
            assert by_form.status_code == 200, "shown again with what is wrong"
        for place in ("/tasks/lab:a/", "/api/v1/tasks/lab:a", address):
            assert browser.get(place).status_code == 200, f"{place} cannot be opened after {written[:200]}"

    holds()
    assert "form" in taken
    assert not SystemEvent.objects.filter(event_type="unexpected_error").exists()
