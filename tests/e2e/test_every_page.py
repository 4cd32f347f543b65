"""Every page holds to WCAG A and AA in light and dark, fits a phone, and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.conftest import Lab

PAGES = [
    "/",
    "/tasks/",
    "/tasks/arc1:007bbfb7/",
    "/tasks/import/",
    "/tasks/leaks/",
    "/experiments/",
    "/experiments/new/",
    "EXPERIMENT",
    "EXPERIMENT/curves/",
    "EXPERIMENT/tasks/",
    "EXPERIMENT/config/",
    "EXPERIMENT/log/",
    "EXPERIMENT/cells/0/",
    "/training/datasets/",
    "/training/datasets/new/",
    "/training/datasets/new/?from=tasks",
    "/system/",
    "/system/jobs/",
    "/system/services/",
    "/system/events/",
    "/system/log/",
    "/system/patterns/",
    "/account/",
    "/people/",
    "/api/docs",
    "/there-is-no-such-page/",
]
AXE_OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


@pytest.fixture(scope="session")
def experiment(signed_in: BrowserContext, lab: Lab) -> str:
    """The address of a finished experiment."""
    name = "A finished one"
    lab.manage(
        "run_experiment", name, "--strategy", "program_synthesis", "--tasks", "arc1/training",
        "--limit", "6", "--seeds", "0", "--seconds", "1", "--wait",
    )  # fmt: skip
    page = signed_in.new_page()
    page.goto(f"{lab.url}/experiments/")
    address = page.get_by_role("link", name=name).first.get_attribute("href")
    page.close()
    assert address is not None
    return address.rstrip("/")


def _address(lab: Lab, path: str, experiment: str) -> str:
    return lab.url + path.replace("EXPERIMENT", experiment)


@pytest.fixture(scope="session", params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser, signed_in: BrowserContext, lab: Lab) -> Iterator[Page]:
    """A signed-in page in one theme."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme=request.param,
        reduced_motion="reduce",
        storage_state=signed_in.storage_state(),
    )
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_accessibility_violation(themed: Page, lab: Lab, experiment: str, path: str) -> None:
    themed.goto(_address(lab, path, experiment))
    found = Axe().run(themed, options=AXE_OPTIONS)
    assert found.violations_count == 0, found.generate_report()


@pytest.fixture(scope="session")
def phone(browser: Browser, signed_in: BrowserContext) -> Iterator[Page]:
    """A signed-in page as wide as a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, storage_state=signed_in.storage_state())
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/api/docs"])
def test_a_page_fits_a_phone(phone: Page, lab: Lab, experiment: str, path: str) -> None:
    phone.goto(_address(lab, path, experiment))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_nobody_but_its_own_server(page: Page, lab: Lab, experiment: str, path: str) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(_address(lab, path, experiment))
    page.wait_for_load_state("load")
    assert hosts - {""} == {urlsplit(lab.url).netloc}
