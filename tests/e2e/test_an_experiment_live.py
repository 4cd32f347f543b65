"""An experiment started in the browser fills in live, also across a server restart; another is cancelled."""

from __future__ import annotations

import os
import re
import signal

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab

FINISHED_MS = 480_000  # the solver may first compile itself, on a busy machine


def _start_experiment(page: Page, lab: Lab, *, name: str, limit: int, seconds: str) -> None:
    page.goto(f"{lab.url}/experiments/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label(re.compile("Hypothesis")).first.fill("Small tasks fall to short programs.")
    page.locator("input[name=strategies][value=program_synthesis]").check()
    page.locator("input[name=datasets][value=arc1]").check()
    page.locator("input[name=sources][value=training]").check()
    page.locator("input[name=limit]").fill(str(limit))
    page.locator("input[name=seconds_per_task]").fill(seconds)
    expect(page.locator("#estimate")).to_contain_text(str(limit))
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def test_it_completes_without_a_reload_and_across_a_server_restart(page: Page, lab: Lab) -> None:
    _start_experiment(page, lab, name="Watched to the end", limit=10, seconds="1")
    page.evaluate("window.neverReloaded = true")
    ended = page.locator(".matrix a:not(.cell-waiting):not(.cell-running)")
    expect(page.locator("#exp-figures")).to_contain_text("Solved", timeout=FINISHED_MS)
    os.kill(lab.web_process().pid, signal.SIGKILL)
    expect(page.locator("#exp-state")).to_contain_text(re.compile("completed|done", re.I), timeout=FINISHED_MS)
    expect(page.locator("#exp-state")).to_contain_text("10 cells")
    assert page.evaluate("window.neverReloaded") is True
    assert ended.count() >= 10


def test_a_cell_has_a_page_with_its_program_and_the_truth_on_demand(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/experiments/")
    page.get_by_role("link", name="Watched to the end").first.click()
    page.locator(".matrix .cell-exact").first.click()
    expect(page.locator(".cell-grids")).to_contain_text("Attempt 1")
    grids = page.locator(".cell-grids svg").count()
    page.get_by_role("link", name="Show truth and difference").first.click()
    expect(page.locator(".cell-grids")).to_contain_text("Exactly the truth")
    assert page.locator(".cell-grids svg").count() > grids
    page.get_by_role("button", name="Step by step").first.click()
    expect(page.locator(".replay svg").first).to_be_visible()


def test_the_arrow_keys_step_through_cells_and_escape_goes_back_to_where_one_was(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/experiments/")
    page.get_by_role("link", name="Watched to the end").first.click()
    page.locator(".matrix .cell").first.press("Enter")
    place = page.locator(".cell-place")
    expect(place).to_have_text("1 of 10")
    page.evaluate("window.neverReloaded = true")
    for number in (2, 3, 4):
        page.keyboard.press("ArrowRight")
        expect(place).to_have_text(f"{number} of 10")
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text("3 of 10")
    page.keyboard.press("t")
    expect(page.get_by_role("link", name="Hide the truth")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text("4 of 10")
    expect(page.get_by_role("link", name="Hide the truth")).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True
    assert "/cells/3/" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("#c3")).to_be_focused()


def test_keys_pressed_faster_than_pages_come_end_where_the_last_one_leads(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/experiments/")
    page.get_by_role("link", name="Watched to the end").first.click()
    page.locator(".matrix .cell").first.press("Enter")
    page.locator('[data-step="after"]').evaluate("step => { for (let n = 0; n < 5; n++) step.click(); }")
    expect(page.locator(".cell-place")).to_have_text("2 of 10")


def test_cancelling_ends_what_waits_and_what_runs(page: Page, lab: Lab) -> None:
    _start_experiment(page, lab, name="Stopped half way", limit=60, seconds="20")
    page.locator("#exp-actions summary").click()
    page.get_by_role("button", name=re.compile("Cancel…")).click()
    dialog = page.locator("#cancel-experiment")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name=re.compile("Cancel the experiment")).click()
    expect(page.locator("#exp-state")).to_contain_text(re.compile("cancelled", re.I), timeout=90_000)


def test_what_cannot_be_used_is_said_at_the_field_and_nothing_typed_is_lost(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/experiments/new/")
    page.get_by_label("Name").fill("Not yet right")
    page.locator("input[name=strategies][value=program_synthesis]").check()
    page.locator("input[name=seconds_per_task]").fill("-3")
    page.get_by_role("button", name="Create only").click()
    expect(page.locator(".field-error").first).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Not yet right")
    expect(page.locator("input[name=seconds_per_task]")).to_have_value("-3")


def test_a_complaint_comes_while_one_types_and_goes_when_it_is_mended(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/experiments/new/")
    seeds = page.locator("input[name=seeds]")
    complaint = page.locator(".field:has(input[name=seeds]) .field-error")
    seeds.press_sequentially("-", delay=5)
    seeds.fill("5-2")
    expect(complaint).to_contain_text("Write 2-5")
    seeds.fill("2-5")
    expect(complaint).to_have_count(0)
    page.get_by_role("button", name="Create only").click()
    name = page.locator(".field:has(input[name=name]) .field-error")
    expect(name).to_contain_text("Give it a name.")
    page.get_by_label("Name").press_sequentially("Mended as one types", delay=5)
    expect(name).to_have_count(0)
    expect(page.locator(".exp-form > .note.is-error")).to_have_count(0)
