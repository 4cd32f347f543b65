"""Pictures of the main pages for the README and the docs: `python -m tests.e2e.screenshots URL LINK [FOLDER]`.

Takes a running lab and a fresh login link; pages are those a newcomer sees, in light, dark and phone width.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.e2e.conftest import CHROMIUM, CHROMIUM_ARGS, ROOT

FOLDER = ROOT / "docs" / "images"
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS: list[tuple[str, ViewportSize, Literal["light", "dark"]]] = [
    ("light", WIDE, "light"),
    ("dark", WIDE, "dark"),
    ("phone", PHONE, "dark"),
]


def _first_experiment(page: Page, url: str) -> str:
    page.goto(f"{url}/experiments/")
    href = page.locator("main a[href*='/experiments/exp_']").first.get_attribute("href")
    assert href is not None
    return href.rstrip("/")


def _pages(experiment: str) -> dict[str, str]:
    return {
        "observatory": "/",
        "tasks": "/tasks/",
        "task": "/tasks/arc1:00d62c1b/",
        "import": "/tasks/import/",
        "leaks": "/tasks/leaks/?training=arc2/training&evaluation=arc1/evaluation",
        "experiments": "/experiments/",
        "new": "/experiments/new/",
        "matrix": experiment + "/",
        "cell": experiment + "/cells/0/",
        "curves": experiment + "/curves/",
        "cells": experiment + "/tasks/",
        "config": experiment + "/config/",
        "log": experiment + "/log/",
        "system": "/system/",
        "jobs": "/system/jobs/",
        "events": "/system/events/",
        "log_of_events": "/system/log/",
        "patterns": "/system/patterns/",
        "account": "/account/",
        "people": "/people/",
        "missing": "/nothing-here/",
        "admin": "/admin/tasks/arctask/",
    }


def main(url: str, link: str, folder: Path = FOLDER, only: str = "") -> None:
    """Sign in, visit, take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        first = browser.new_context(viewport=WIDE)
        page = first.new_page()
        page.goto(f"{url}/login/")
        page.screenshot(path=folder / "login-light.png")
        page.goto(link)
        page.get_by_role("button", name=re.compile("sign in", re.I)).first.click()
        page.wait_for_url(f"{url}/")
        state = first.storage_state()
        experiment = _first_experiment(page, url)
        for label, viewport, scheme in LOOKS:
            context = browser.new_context(
                viewport=viewport, color_scheme=scheme, storage_state=state, reduced_motion="reduce"
            )
            page = context.new_page()
            for name, path in _pages(experiment).items():
                if only and name not in only.split(","):
                    continue
                page.goto(url + path)
                page.wait_for_timeout(900 if name in {"curves", "observatory", "patterns"} else 350)
                page.screenshot(path=folder / f"{name}-{label}.png", full_page=label == "phone")
            context.close()
        browser.close()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(arguments[0], arguments[1], Path(arguments[2]) if len(arguments) > 2 else FOLDER, *arguments[3:4])
