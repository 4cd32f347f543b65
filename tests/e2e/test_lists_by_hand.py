"""Lists by hand: filter, sort, turn pages, go back, choose many, watch them move; and all of it on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Lab

JOBS = """
from apps.core.models import Job, User
owner = User.objects.order_by("date_joined").first()
Job.objects.filter(queue="shelf").delete()
for number in range(40):
    Job.objects.create(kind="kept", queue="shelf", owner=owner, payload={"number": number}, status="paused")
"""
SHELF = "/system/jobs/?queue=shelf"


@pytest.fixture
def shelf(lab: Lab) -> Lab:
    """Forty jobs that nobody takes."""
    lab.manage("shell", "-v0", "-c", JOBS)
    return lab


def said(page: Page) -> str:
    return page.locator(".listing-said").inner_text()


def test_the_bar_the_heads_and_the_pages_keep_the_address_and_the_focus(page: Page, shelf: Lab) -> None:
    page.goto(f"{shelf.url}{SHELF}")
    expect(page.locator(".listing-said")).to_contain_text("40 jobs match")
    page.get_by_role("link", name="State").click()
    page.wait_for_url("**sort=status**")
    expect(page.locator("#jobs-by-status")).to_be_focused()
    page.get_by_label("Rows a page").select_option("50")
    page.wait_for_url("**size=50**")
    expect(page.locator("tbody tr")).to_have_count(40)
    page.get_by_label("Rows a page").select_option(label="25 a page")
    expect(page.locator("tbody tr")).to_have_count(25)
    assert "size=" not in page.url
    page.get_by_label("Page 2").click()
    page.wait_for_url("**page=2**")
    expect(page.locator(".listing-said")).to_be_focused()
    expect(page.locator("tbody tr")).to_have_count(15)
    page.get_by_label("State", exact=True).select_option("failed")
    expect(page.get_by_text("No job is like that")).to_be_visible()
    assert "page=" not in page.url
    page.go_back()
    page.wait_for_url("**page=2**")
    expect(page.get_by_label("State", exact=True)).to_have_value("")
    expect(page.locator("tbody tr")).to_have_count(15)


def test_what_is_typed_narrows_the_list_and_stays_where_it_is_typed(page: Page, shelf: Lab) -> None:
    page.goto(f"{shelf.url}{SHELF}")
    field = page.get_by_label("Id, run, task or owner")
    field.fill("nobody is called that")
    expect(page.locator(".listing-said")).to_contain_text("0 jobs match")
    expect(field).to_be_focused()
    page.get_by_role("link", name="Show all").first.click()
    expect(field).to_have_value("")


def test_many_are_chosen_by_shift_and_cancelled_with_a_count(page: Page, shelf: Lab) -> None:
    page.goto(f"{shelf.url}{SHELF}")
    bar = page.locator(".bulk-bar")
    expect(bar).not_to_be_visible()
    boxes = page.locator("[data-pick]")
    boxes.nth(1).check()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 chosen")
    page.get_by_label("Choose all on this page").check()
    expect(bar).to_contain_text("25 chosen")
    bar.get_by_label("all 40 that match").check()
    expect(bar).to_contain_text("All chosen")
    bar.get_by_role("button", name="Clear").click()
    expect(bar).not_to_be_visible()
    boxes.nth(0).check()
    boxes.nth(2).check()
    bar.get_by_role("button", name="Cancel").click()
    expect(page.locator(".toast").first).to_contain_text("2 cancelled.")
    assert page.url.endswith(SHELF)
    expect(page.locator("tbody .st-cancelled")).to_have_count(2)


def test_the_list_moves_while_it_is_looked_at_but_not_while_somebody_chooses(page: Page, shelf: Lab) -> None:
    page.goto(f"{shelf.url}{SHELF}")
    page.mouse.move(2, 2)
    expect(page.locator("html")).to_have_attribute("data-live-state", "live")
    cancel = "from apps.core.models import Job; from apps.core.jobs import job_cancel; "
    one = 'job_cancel(job=Job.objects.filter(queue="shelf", status="paused").order_by("-job_id").first(), by=None)'
    shelf.manage("shell", "-v0", "-c", cancel + one)
    expect(page.locator("tbody .st-cancelled")).to_have_count(1)
    page.locator("[data-pick]").first.check()
    shelf.manage("shell", "-v0", "-c", cancel + one)
    expect(page.locator("[data-live-waiting]")).to_have_count(1)
    expect(page.locator("tbody .st-cancelled")).to_have_count(1)
    page.locator(".bulk-bar").get_by_role("button", name="Clear").click()
    page.mouse.move(2, 2)
    expect(page.locator("tbody .st-cancelled")).to_have_count(2)


def test_a_family_is_made_of_chosen_tasks(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/tasks/?q=00d6")
    page.locator(".card-place").first.hover()
    page.locator("[data-pick]").first.check()
    page.get_by_label(re.compile("^Family:")).fill("Holes that fill")
    page.get_by_role("button", name="Put in").click()
    expect(page.locator(".toast").first).to_contain_text("put in Holes that fill")
    page.get_by_label("Family", exact=True).select_option("Holes that fill")
    expect(page.locator(".card")).to_have_count(1)


@pytest.fixture
def phone(browser: Browser, signed_in: BrowserContext) -> Iterator[Page]:
    """A signed-in page as wide as a phone."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, storage_state=signed_in.storage_state(), has_touch=True
    )
    yield context.new_page()
    context.close()


WIDER = "[...document.querySelectorAll('.table-wrap')].filter(w => w.checkVisibility() && w.scrollWidth > w.clientWidth + 1).length"


@pytest.mark.parametrize(
    "path", ["/", "/experiments/", "/system/", SHELF, "/system/events/", "/system/log/", "/account/", "/people/"]
)
def test_no_list_scrolls_sideways_on_a_phone(phone: Page, shelf: Lab, path: str) -> None:
    phone.goto(shelf.url + path)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.evaluate(WIDER) == 0


def test_on_a_phone_a_row_shows_what_it_is_and_its_state(phone: Page, shelf: Lab) -> None:
    phone.goto(shelf.url + SHELF)
    row = phone.locator("tbody tr").first
    for part in (row.locator(".row-link"), row.locator(".badge")):
        box = part.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
