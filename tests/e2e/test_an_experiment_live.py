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


def test_a_cell_opens_beside_the_matrix_with_its_program_and_the_truth_on_demand(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/experiments/")
    page.get_by_role("link", name="Watched to the end").first.click()
    page.locator(".matrix .cell-exact").first.click()
    panel = page.locator("#cell-panel")
    expect(panel).to_be_visible()
    expect(panel).to_contain_text("Attempt 1")
    grids = panel.locator("svg.grid, figure svg").count()
    panel.get_by_role("button", name=re.compile("Reveal the truth")).first.click()
    expect(panel.get_by_role("button", name=re.compile("Reveal the truth"))).to_have_count(0)
    assert panel.locator("svg.grid, figure svg").count() > grids
    panel.get_by_role("button", name="Step by step").first.click()
    expect(panel.locator("[id^=replay-] svg").first).to_be_visible()
    assert "/cells/" in page.url


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
