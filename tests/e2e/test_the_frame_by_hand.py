"""What surrounds every page, used by hand: theme, rail, drawer, palette, panel, dialogs, downloads."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Lab

PATTERNS = "/system/patterns/"


def test_the_chosen_theme_is_there_before_anything_is_painted(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/system/")
    for theme in ("dark", "light", "system"):
        page.get_by_label("Theme", exact=True).first.click()
        page.locator(f"[data-theme-set={theme}]").click()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        answer = page.reload()
        assert answer is not None
        assert f'data-theme="{theme}"' in answer.text()


def test_charts_follow_the_theme_without_a_reload(page: Page, lab: Lab) -> None:
    page.goto(lab.url + PATTERNS)
    expect(page.locator("#sample-chart .bk-Figure")).to_be_visible()

    def first_line() -> str:
        return str(
            page.evaluate(
                "Object.values(Bokeh.index.roots?.[0] ? {v: Bokeh.index.roots[0]} : Bokeh.index)[0]"
                ".model.renderers.find(r => r.glyph.type === 'Line').glyph.line_color.value"
            )
        )

    light = first_line()
    page.get_by_label("Theme", exact=True).first.click()
    page.locator("[data-theme-set=dark]").click()
    assert first_line() != light
    page.get_by_label("Theme", exact=True).first.click()
    page.locator("[data-theme-set=system]").click()


def test_the_rail_collapses_and_stays_so(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/system/")
    wide = page.locator("#rail").bounding_box()
    page.locator("[data-rail-toggle]").click()
    page.reload()
    thin = page.locator("#rail").bounding_box()
    assert wide is not None
    assert thin is not None
    assert thin["width"] < 80 < wide["width"]
    expect(page.get_by_role("link", name="Tasks").first).to_be_visible()
    page.locator("[data-rail-toggle]").click()


def test_on_a_phone_the_rail_is_a_drawer_that_escape_shuts(
    browser: Browser, signed_in: BrowserContext, lab: Lab
) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, storage_state=signed_in.storage_state())
    page = phone.new_page()
    page.goto(f"{lab.url}/system/")
    expect(page.locator("#rail")).not_to_be_visible()
    opener = page.get_by_role("button", name="Areas")
    opener.click()
    expect(page.locator("#rail")).to_be_visible()
    expect(page.locator("#rail a:focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#rail")).not_to_be_visible()
    expect(opener).to_be_focused()
    phone.close()


def test_the_palette_opens_by_slash_and_leads_by_arrows_and_enter(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/")
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name=re.compile("Search"))
    expect(field).to_be_focused()
    page.keyboard.type("event")
    expect(page.get_by_role("option", name="Events")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(field).not_to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{lab.url}/system/events/")


def test_slash_in_a_field_is_a_slash(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/tasks/")
    field = page.get_by_role("searchbox").first
    field.click()
    page.keyboard.type("a/b")
    expect(field).to_have_value("a/b")
    expect(page.locator("#palette")).not_to_be_visible()


def test_what_destroys_waits_for_the_phrase(page: Page, lab: Lab) -> None:
    page.goto(lab.url + PATTERNS)
    page.get_by_role("button", name="Delete…").click()
    button = page.locator("#sample-confirm [type=submit]")
    expect(button).to_be_disabled()
    page.get_by_label(re.compile("to confirm")).fill("First ligh")
    expect(button).to_be_disabled()
    page.get_by_label(re.compile("to confirm")).fill("First light")
    expect(button).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("#sample-confirm")).not_to_be_visible()


def test_a_chart_is_saved_as_a_picture_and_as_its_data(page: Page, lab: Lab) -> None:
    page.goto(lab.url + PATTERNS)
    expect(page.locator("#sample-chart .bk-Figure")).to_be_visible()
    with page.expect_download() as table:
        page.get_by_role("button", name="Download Solved within a budget as CSV").click()
    lines = table.value.path().read_text().splitlines()
    assert lines[0] == 'Core-seconds,"Ensemble, %","Synthesis, %"'
    assert len(lines) == 19
    with page.expect_download() as picture:
        page.get_by_role("button", name="Download Solved within a budget as PNG").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_short_table_sorts_by_its_figures(page: Page, lab: Lab) -> None:
    page.goto(lab.url + PATTERNS)
    table = page.locator("#table table")
    table.get_by_role("button", name="Waiting").click()
    expect(table.locator("th[aria-sort=descending]")).to_have_count(1)
    assert table.locator("tbody td:first-child").all_inner_texts() == ["cpu", "gpu"], "1,204 before 12"
    table.get_by_role("button", name="Waiting").click()
    expect(table.locator("th[aria-sort=ascending]")).to_have_count(1)
    assert table.locator("tbody td:first-child").all_inner_texts() == ["gpu", "cpu"]


def test_a_log_shows_what_is_sought_and_what_is_loud_enough(page: Page, lab: Lab) -> None:
    page.goto(lab.url + PATTERNS)
    log = page.locator("#sample-log")
    expect(log.locator(".log-line:visible")).to_have_count(4)
    log.get_by_label("Least level shown").select_option("warning")
    expect(log.locator(".log-line:visible")).to_have_count(2)
    log.get_by_label("Search the log").fill("lease")
    expect(log.locator(".log-line:visible")).to_have_count(1)


def test_every_control_of_a_page_is_reached_by_the_keyboard_the_skip_link_first(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/system/jobs/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#main') !== null")
