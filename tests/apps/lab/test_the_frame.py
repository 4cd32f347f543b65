"""What surrounds every page: areas, theme, search, and a page free of anything the content policy forbids."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.test import Client

from apps.core.models import User
from apps.core.system_events import system_event_record

from .conftest import People, make_attempt, make_experiment, make_job, make_task, results_of

Browser = Callable[[User], Client]
PAGES = ("/", "/system/", "/system/jobs/", "/system/events/", "/system/patterns/", "/search/?q=a")


class Forbidden(HTMLParser):
    """Collects what `script-src 'self'` and `style-src 'self'` would block, and ids that occur twice."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        values = dict(attrs)
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.found.append("inline script")
        if tag == "style" or "style" in values:
            self.found.append(f"inline style on {tag}")
        self.found += [f"{name} on {tag}" for name in values if name.startswith(("on", "hx-on"))]
        if values.get("id"):
            self.ids.append(str(values["id"]))


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_nothing_inline_and_no_id_twice(as_: Browser, people: People, path: str) -> None:
    make_experiment(people.owner, "Dawn", results=results_of(0.2))
    make_attempt(make_job(people.owner, "failed"))
    system_event_record(event_type="x", event_source="web", severity="error", message="Broken")
    parser = Forbidden()
    parser.feed(as_(people.admin).get(path).content.decode())
    assert parser.found == []
    assert len(parser.ids) == len(set(parser.ids)), [i for i in parser.ids if parser.ids.count(i) > 1]


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_led_to_the_door_and_nothing_is_read_for_them(db: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("path", [page for page in PAGES if page != "/search/?q=a"])
def test_every_page_has_one_title_a_skip_link_and_landmarks(as_: Browser, people: People, path: str) -> None:
    page = as_(people.viewer).get(path).content.decode()
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert '<a class="skip" href="#main">' in page
    assert page.count("<main") == 1
    assert 'aria-label="Areas"' in page
    assert 'aria-label="Breadcrumb"' in page
    assert re.search(r"<title>\s*\S.* · Terrarium</title>", page)


@pytest.mark.parametrize(
    ("cookie", "written"), [("dark", "dark"), ("light", "light"), ("", "system"), ('"><script>', "system")]
)
def test_the_theme_is_written_by_the_server_so_that_nothing_flashes(
    as_: Browser, people: People, cookie: str, written: str
) -> None:
    client = as_(people.viewer)
    if cookie:
        client.cookies["theme"] = cookie
    assert f'data-theme="{written}"' in client.get("/").content.decode()


def test_browsers_that_ask_for_the_old_icon_get_the_new(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer["Location"]) == (302, "/static/favicon.svg")


def test_the_rail_marks_where_we_are(as_: Browser, people: People) -> None:
    page = as_(people.viewer).get("/system/jobs/").content.decode()
    assert re.search(r'href="/system/"[^>]*aria-current="true"', page)
    assert re.search(r'href="/system/jobs/" aria-current="page"', page)
    assert not re.search(r'class="rail-item" href="/"[^>]*aria-current', page)


def test_the_pill_counts_what_runs(as_: Browser, people: People) -> None:
    make_job(people.owner, "running")
    make_job(people.owner, "queued")
    page = as_(people.viewer).get("/system/events/").content.decode()
    assert 'aria-label="1 job running"' in page


def test_search_finds_pages_tasks_experiments_and_jobs(as_: Browser, people: People) -> None:
    experiment = make_experiment(people.owner, "Morning sweep")
    task = make_task(0xABC)
    job = make_job(people.owner)
    client = as_(people.viewer)

    def hits(text: str) -> list[str]:
        page = client.get("/search/", {"q": text}).content.decode()
        return re.findall(r'class="palette-hit"[^>]*href="([^"]+)"', page)

    assert f"/experiments/{experiment.pk}/" in hits("morning")
    assert f"/tasks/{task.task_id}/" in hits("00000abc")
    assert hits(job.pk) == [f"/system/jobs/{job.pk}/"]
    assert "/system/jobs/" in hits("job")


def test_search_says_so_when_it_finds_nothing_and_escapes_what_was_typed(as_: Browser, people: People) -> None:
    page = as_(people.viewer).get("/search/", {"q": "<img>zzz"}).content.decode()
    assert "Nothing is called “&lt;img&gt;zzz”" in page
