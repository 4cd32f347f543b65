"""System events are recorded once, found by full text whatever is typed, and resolved by a person."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from apps.core.errors import Conflict, Forbidden, NotFound
from apps.core.models import SystemEvent
from apps.core.system_events import (
    event_sources,
    system_event_get,
    system_event_record,
    system_event_resolve,
    system_events,
    unresolved_counts,
)

from .conftest import People, Program


def record(message: str = "Disk is nearly full", **more: Any) -> SystemEvent:
    values = {"event_type": "disk", "event_source": "storage", "severity": "warning", **more}
    return system_event_record(message=message, **values)


def found(text: str) -> list[str]:
    return [event.message for event in system_events(text=text)]


@pytest.mark.django_db
def test_words_of_message_and_context_find_an_event_by_their_beginnings() -> None:
    record("Worker höchst alpha-7 lost its lease", context={"job": "job_06h0abc", "path": "/var/x.log"})
    record("Disk is nearly full")
    for text in ("worker lost", "LEASE", "wor", "alpha 7", "alpha-7", "job_06h0", "06h0a", "höchst", "x.log"):
        assert found(text) == ["Worker höchst alpha-7 lost its lease"], text
    assert found("worker disk") == [], "every word must be there"
    assert found("orker") == [], "beginnings, not middles"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    ['"', '""', "'", "a OR", "AND", "NOT a", "NEAR(a b)", "a*", "*", "(", ")", "a:b", "message:", "^a", "-", "--", "a & | !",
     "\\", "%", "a\tb", "{}", "日本", "🦔", "²", "½x", "a" * 500, "a " * 500, "<->", ":*", "İ", "ß", "\u0301"],
)  # fmt: skip
def test_nothing_a_person_types_is_a_syntax_error(text: str) -> None:
    record("a quiet event")
    assert isinstance(found(text), list)


@pytest.mark.django_db
def test_the_index_follows_updates_deletes_and_plain_sql() -> None:
    event = record("first words")
    SystemEvent.objects.filter(pk=event.pk).update(message="second thoughts", context={"k": "needle"})
    assert found("first") == []
    assert found("second") == found("needle") == ["second thoughts"]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE system_events SET message = 'third time' WHERE event_id = %s", [event.pk])
    assert found("second") == []
    assert found("third") == ["third time"]
    SystemEvent.objects.all().delete()
    assert found("third") == []
    record("third again")
    assert found("third") == ["third again"]


@pytest.mark.django_db
def test_a_rolled_back_event_is_not_found() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        _record_and_fail()
    assert found("vanishes") == []


def _record_and_fail() -> None:
    record("vanishes")
    raise ZeroDivisionError


@pytest.mark.django_db
def test_very_long_and_unstorable_text_is_kept_as_far_as_it_goes() -> None:
    long = record("start " + "word " * 60_000 + "x" * 300_000)
    assert SystemEvent.objects.get(pk=long.pk).message.startswith("start word")
    assert len(found("start")) == 1
    odd = record("a\x00b\ud800c", stack_trace="t\x00", event_source="s" * 200)
    odd.refresh_from_db()
    assert "\x00" not in odd.message
    assert len(odd.event_source) == 64


@pytest.mark.django_db
def test_the_same_thing_counts_up_until_it_is_resolved(people: People) -> None:
    first = record(dedupe_key="disk:/data")
    again = record(dedupe_key="disk:/data")
    assert again.pk == first.pk
    assert SystemEvent.objects.count() == 1
    assert again.context is not None
    assert again.context["count"] == 2
    system_event_resolve(event=first, by=people.owner)
    later = record(dedupe_key="disk:/data")
    assert later.pk != first.pk
    assert later.resolved_at is None


def test_two_who_record_the_same_thing_at_once_make_one_event(several_connections: None) -> None:
    def one(_n: int) -> int:
        try:
            return record(dedupe_key="k").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    assert SystemEvent.objects.get().context == {"count": 8, "last_at": SystemEvent.objects.get().context["last_at"]}  # type: ignore[index]


@pytest.mark.django_db
def test_filters_narrow_together_newest_first() -> None:
    now = timezone.now()
    for n, (severity, source) in enumerate([("error", "jobs"), ("error", "web"), ("info", "web")]):
        event = record(f"event {n}", severity=severity, event_source=source)
        SystemEvent.objects.filter(pk=event.pk).update(occurred_at=now - timedelta(hours=n))
    assert [e.message for e in system_events()] == ["event 0", "event 1", "event 2"]
    assert [e.message for e in system_events(severity="error", source="web", text="event")] == ["event 1"]
    assert [e.message for e in system_events(since=now - timedelta(minutes=90), until=now)] == ["event 1"]
    assert [e.message for e in system_events(event_type="disk", resolved=True)] == []
    assert system_events(resolved=False).count() == 3
    assert event_sources() == ["jobs", "web"]
    assert unresolved_counts() == {"critical": 0, "error": 2, "warning": 0}


@pytest.mark.django_db
def test_a_search_uses_the_index_and_one_statement(django_assert_num_queries: Any) -> None:
    SystemEvent.objects.bulk_create(
        SystemEvent(event_type="t", event_source="s", severity="info", message=f"event number n{n}")
        for n in range(2000)
    )
    with django_assert_num_queries(1):
        assert found("n1234") == ["event number n1234"]


def test_resolving_is_for_researchers_and_once(people: People) -> None:
    event = record()
    with pytest.raises(Forbidden):
        system_event_resolve(event=event, by=people.viewer)
    assert system_event_resolve(event=event, by=people.other).resolved_at is not None
    with pytest.raises(Conflict, match="already resolved"):
        system_event_resolve(event=event, by=people.owner)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["evt_", "evt_x", "12", "evt_-1", "evt_99999999999999999999", "evt_1 ", "evt_٣", "job_1", "evt_999"]
)
def test_what_is_no_event_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        system_event_get(name)


def test_by_api(people: People, program: Callable[..., Program]) -> None:
    event = record("Search me", context={"a": 1}, stack_trace="Traceback …")
    record("Not me", severity="info")
    caller = program(people.owner, "read", "write")
    listed = caller.call("get", "/api/v1/system/events?q=search&severity=warning").json()
    assert (listed["total"], listed["items"][0]["event_id"]) == (1, event.public_id)
    assert "stack_trace" not in listed["items"][0]
    path = f"/api/v1/system/events/{event.public_id}"
    assert caller.call("get", path).json()["stack_trace"] == "Traceback …"
    resolved = caller.call("post", f"{path}/resolve")
    assert resolved.status_code == 200
    assert resolved.json()["resolved_at"]
    assert caller.call("post", f"{path}/resolve").status_code == 409
    assert caller.call("get", "/api/v1/system/events?resolved=true").json()["total"] == 1
    assert caller.call("get", "/api/v1/system/events?severity=loud").status_code == 422
    assert caller.call("get", "/api/v1/system/events?since=2020-01-01T00:00:00").status_code == 422, "no time zone"
    odd = caller.call("get", "/api/v1/system/events?since=2020-01-01T00:00:00-23:59")
    assert odd.status_code == 200, "PostgreSQL takes no such offset, so it is turned into UTC first"
    outside = caller.call("get", "/api/v1/system/events?since=0001-01-01T00:00:00%2B20:00")
    assert outside.json()["error"]["details"]["field"] == "since"
    past = caller.call("get", "/api/v1/system/events?page=9&page_size=1").json()
    assert (past["items"], past["total"], past["pages"]) == ([], 2, 2)


def test_the_list_asks_two_questions_whatever_its_length(
    people: People, as_: Callable[..., Client], django_assert_max_num_queries: Any
) -> None:
    for n in range(50):
        record(f"event {n}")
    browser = as_(people.owner)
    with django_assert_max_num_queries(4):
        assert len(browser.get("/api/v1/system/events?page_size=50").json()["items"]) == 50


@pytest.mark.django_db
def test_the_admin_finds_and_resolves(people: People, as_: Callable[..., Client]) -> None:
    event = record("Needle in a haystack")
    record("Straw")
    browser = as_(people.admin)
    page = browser.get("/admin/core/systemevent/?q=need").content
    assert b"Needle" in page
    assert b"Straw" not in page
    done = browser.post("/admin/core/systemevent/", {"action": "resolve", "_selected_action": [event.pk]})
    assert done.status_code == 302
    event.refresh_from_db()
    assert event.resolved_at is not None
