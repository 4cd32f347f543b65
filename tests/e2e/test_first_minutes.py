"""A newcomer's first minutes: sign in by the printed link, browse the tasks, look at one."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Lab


def test_the_printed_link_signs_in_once_and_only_once(browser: Browser, lab: Lab) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(lab.link)
    page.get_by_role("button", name=re.compile("sign in", re.I)).click()
    expect(page).to_have_url(f"{lab.url}/")
    context.close()
    stranger = browser.new_context()
    page = stranger.new_page()
    answer = page.goto(lab.link)
    assert answer is not None
    assert answer.status in {403, 404, 410, 422}
    page.goto(f"{lab.url}/tasks/")
    expect(page).to_have_url(re.compile("/login/"))
    stranger.close()


def test_the_gallery_shows_the_tasks_and_keeps_its_filter_in_the_address(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/tasks/")
    expect(page.get_by_text("1,920").first).to_be_visible()
    assert page.locator("main svg").count() >= 20
    page.goto(f"{lab.url}/tasks/?q=007bbfb7")
    links = page.locator("main a[href*='007bbfb7']")
    expect(links.first).to_be_visible()
    assert links.count() >= 2  # the same puzzle stands in both datasets


def test_a_truth_is_not_in_the_page_until_asked_for(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/tasks/arc1:007bbfb7/")
    before = page.locator("main svg").count()
    page.get_by_role("link", name="Show the output").first.click()
    expect(page.locator("main .veil")).to_have_count(0)
    assert page.locator("main svg").count() >= before
    assert "truth" not in page.url


def test_the_search_opens_by_keyboard_and_finds_a_task(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/")
    page.keyboard.press("Control+k")
    page.keyboard.type("00d62c1b", delay=10)
    expect(page.get_by_role("dialog").get_by_text("00d62c1b").first).to_be_visible()
    page.keyboard.press("Escape")


def test_the_theme_chosen_is_remembered(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/")
    for theme in ("dark", "light"):
        page.evaluate("theme => document.cookie = `theme=${theme};path=/`", theme)
        page.reload()
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor")
            == {
                "dark": "rgb(15, 20, 18)",
                "light": "rgb(246, 247, 244)",
            }[theme]
        )
