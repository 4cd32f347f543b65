"""A real lab for the browser: started as a newcomer starts it, on its own folder and port."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.patience import PATIENCE
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
OUT = Path(__file__).parent / "out"
READY_SECONDS = 2 * PATIENCE
expect.set_options(timeout=1000 * PATIENCE)
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@dataclass
class Lab:
    """A running lab: where it answers, how to sign in, and its processes."""

    url: str
    link: str
    process: subprocess.Popen[str]
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        """Run a management command against this lab."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def fresh_link(self) -> str:
        """A login link nobody has used."""
        found = re.search(r"http://\S+", self.manage("login_link"))
        assert found is not None
        return found.group()

    def web_process(self) -> psutil.Process:
        """The web server's process."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if "uvicorn" in " ".join(child.cmdline()))


def _end_with_the_tests() -> None:
    """Have the lab stop when the process that tests it is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _start(storage: Path, *arguments: str) -> Lab:
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TERRARIUM_")}
    environment.pop("DATABASE_URL", None)
    environment.pop("REDIS_URL", None)
    environment |= {"TERRARIUM_STORAGE_ROOT": str(storage), "TERRARIUM_API_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_end_with_the_tests,
    )
    assert process.stdout is not None
    said: list[str] = []
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            break
        said.append(line)
        if link := re.search(rf"http://127\.0\.0\.1:{port}/\S+", line):
            return Lab(f"http://127.0.0.1:{port}", link.group(), process, environment)
    process.kill()
    raise AssertionError("The lab did not start:\n" + "".join(said))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for all browser tests, without the first experiment."""
    running = _start(tmp_path_factory.mktemp("lab"), "--no-first-experiment")
    yield running
    running.process.send_signal(signal.SIGINT)
    running.process.wait(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, driven by Playwright."""
    if CHROMIUM is None:
        pytest.skip("no chromium installed")
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield instance
        instance.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, lab: Lab) -> Iterator[BrowserContext]:
    """A browser context signed in as the first admin through a one-time link."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(lab.fresh_link())
    button = page.get_by_role("button", name=re.compile("sign in", re.I))
    if button.count():
        button.first.click()
    page.wait_for_url(f"{lab.url}/")
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A fresh page, signed in; the test fails when the page logs an error to the console."""
    fresh = signed_in.new_page()
    errors: list[str] = []
    fresh.on("pageerror", lambda error: errors.append(str(error)))
    fresh.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield fresh
    fresh.close()
    # Refused connections are the killed server's.
    ignorable = (
        "WebSocket connection to",
        "ERR_CONNECTION_REFUSED",
        "status of 422",
        "status of 404",
    )
    serious = [error for error in errors if not any(text in error for text in ignorable)]
    assert not serious, serious
