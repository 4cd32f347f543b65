"""A form that is refused comes back with everything that was typed into it, whoever refuses it and why."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from apps.experiments.documents import ExperimentSpec
from apps.experiments.models import Experiment
from apps.experiments.services import experiment_create, experiment_start
from apps.tasks.criteria import TaskCriteria

from .conftest import People
from .furnished import furnish
from .walk import PAGES, addresses

TOO_LONG = 200_001


@dataclass
class Form:
    """A form of a page: where it goes, what can be typed, and what is there already."""

    action: str
    typed: dict[str, str] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page that are sent by POST."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self._form = Form(given.get("action", ""))
            self.found.append(self._form)
        form, name = self._form, given.get("name", "")
        if form is not None and tag == "button" and "formaction" in given:
            form.action = form.action or given["formaction"]
        if form is None or not name:
            return
        if tag == "textarea":
            form.typed[name] = ""
        elif tag == "input":
            kind = given.get("type", "text")
            if kind in {"text", "search", "url"}:
                form.typed[name] = given.get("value", "")
            elif kind not in {"checkbox", "radio", "submit", "file", "password"} or "checked" in given:
                form.others.setdefault(name, []).append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def forms_of(page: str) -> list[Form]:
    parser = Forms()
    parser.feed(page)
    return [form for form in parser.found if form.typed]


def walked(people: People) -> Iterator[tuple[Client, str, Form]]:
    """Every form somebody types into, of every page."""
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    seen: set[tuple[str, ...]] = set()
    for route in PAGES:
        for page in addresses(route, ids)[:1]:
            answer = browser.get(page)
            if answer.status_code != 200 or "html" not in answer.headers["Content-Type"]:
                continue
            for form in forms_of(answer.content.decode()):
                form.action = form.action or page
                if form.action.startswith("#"):  # a sample that leads nowhere
                    continue
                key = (form.action, *sorted(form.typed))
                if key not in seen:
                    seen.add(key)
                    yield browser, page, form


def distinct(form: Form) -> dict[str, str]:
    """Something else in each field."""
    return {name: form.typed[name] or f"words of mine about {name}" for name in form.typed}


def test_whatever_cannot_be_used_the_rest_is_still_there(people: People) -> None:
    refused: set[str] = set()
    for browser, page, form in walked(people):
        for bad in form.typed:
            words = {**distinct(form), bad: "x" * TOO_LONG}
            answer = browser.post(form.action, {**form.others, **words})
            if answer.status_code < 400:
                continue  # it could be used
            assert answer.status_code < 500, f"{page} {form.action} {bad}: {answer.status_code}"
            refused.add(form.action)
            shown = html.unescape(answer.content.decode())
            for name, text in words.items():
                assert text in shown, f"{page}: {name} is lost when {bad} of {form.action} cannot be used"
    assert len(refused) >= 5, refused


@pytest.mark.parametrize("why", ["NUL", "the token is old", "the database is away"])
def test_what_is_refused_before_or_after_the_form_is_shown_to_be_copied(
    people: People, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    browser = Client(raise_request_exception=False, enforce_csrf_checks=why == "the token is old")
    browser.force_login(people.owner)
    words = {
        "name": "A name",
        "hypothesis": "A thought that took me an hour",
        "description": "<b>Line</b> one\nline two, longer",
    }
    if why == "NUL":
        words["name"] += "\x00"
    if why == "the database is away":
        monkeypatch.setattr("apps.experiments.views.create._datasets", _away)
    answer = browser.post("/experiments/new/", {**words, "old_password": "a secret of mine 4711"})
    assert answer.status_code >= 400
    page = answer.content.decode()
    for text in (words["hypothesis"], words["description"]):
        assert html.escape(text) in page
    assert "<b>Line</b>" not in page
    assert "a secret of mine" not in page


def _away() -> Any:
    raise OperationalError("connection refused")


def an_experiment(people: People) -> Experiment:
    furnish(people)
    spec = ExperimentSpec(
        name="Open",
        strategy_configs={"program_synthesis": {}},
        task_selection_criteria=TaskCriteria(datasets=["lab"]),
        insights=["learned long ago"],
    )
    return experiment_create(spec=spec, by=people.owner)


def test_a_form_opened_before_the_start_keeps_its_words_and_takes_none_away(people: People) -> None:
    experiment = an_experiment(people)
    browser = Client()
    browser.force_login(people.owner)
    address = f"/experiments/{experiment.pk}/edit/"
    (form,) = [one for one in forms_of(browser.get(address).content.decode()) if "hypothesis" in one.typed]
    experiment_start(experiment=experiment, by=people.owner)
    answer = browser.post(address, {**form.others, **form.typed, "hypothesis": "Typed while it started"})
    assert answer.status_code == 409
    assert "Typed while it started" in answer.content.decode()
    assert "learned long ago" in answer.content.decode()
    experiment.refresh_from_db()
    assert experiment.insights == ["learned long ago"], "the form of before the start has no field for them"
    (words,) = [one for one in forms_of(answer.content.decode()) if "hypothesis" in one.typed]
    saved = browser.post(address, {**words.typed, "hypothesis": "Typed while it started", "insights": "a\nb"})
    assert saved.status_code == 302
    experiment.refresh_from_db()
    assert (experiment.hypothesis, experiment.insights) == ("Typed while it started", ["a", "b"])


@pytest.mark.parametrize("field", ["name", "hypothesis", "description", "insights"])
def test_a_started_experiment_refuses_too_long_a_text_and_keeps_it(people: People, field: str) -> None:
    experiment = an_experiment(people)
    experiment_start(experiment=experiment, by=people.owner)
    browser = Client()
    browser.force_login(people.owner)
    words = {"name": "Another", "hypothesis": "h of mine", "description": "d of mine", "insights": "i of mine"}
    words[field] = "y" * 20_001
    answer = browser.post(f"/experiments/{experiment.pk}/edit/", words)
    assert answer.status_code == 422
    assert all(text in answer.content.decode() for text in words.values())
    experiment.refresh_from_db()
    assert experiment.name == "Open"
