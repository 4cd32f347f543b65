"""A folder is chosen, text is pasted, answers are downloaded: by hand, in a browser, on a desk and on a phone."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab
from tests.engines.intake.files import data_of
from tests.engines.intake.public_shapes import UPLOADS


def test_a_folder_tells_its_splits(page: Page, lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "Kaggle set"
    for name, value in UPLOADS["Kaggle's folder of 2024"].files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data_of(value))
    page.goto(f"{lab.url}/tasks/import/")
    page.locator("input[name=folder]").set_input_files(str(folder))
    page.fill("[name=dataset]", "byhand")
    page.get_by_role("button", name="Read and preview").click()
    expect(page.get_by_role("heading", name="Import into byhand")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Kaggle set/arc-agi_evaluation-challenges.json")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name=re.compile("^Import")).click()
    expect(page.get_by_text("Imported")).to_be_visible()


def test_megabytes_pasted_go_as_the_file_they_are(page: Page, lab: Lab) -> None:
    task = {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[1]]}]}
    text = "{" + " " * 3_000_000 + json.dumps({"pasted1": task})[1:]
    page.goto(f"{lab.url}/tasks/import/")
    page.evaluate("text => { document.querySelector('[name=pasted]').value = text }", text)
    page.get_by_role("button", name="Read and preview").click()
    page.wait_for_url(re.compile(r"/tasks/import/import_"))


def test_too_many_files_are_said_before_they_are_sent(page: Page, lab: Lab, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.json").write_text("{}")
    page.goto(f"{lab.url}/tasks/import/")
    page.evaluate("() => { document.querySelector('form[data-upload]').dataset.mostFiles = '2' }")
    page.locator("input[name=uploads]").set_input_files([str(one) for one in sorted(tmp_path.iterdir())])
    page.fill("[name=dataset]", "kept")
    page.get_by_role("button", name="Read and preview").click()
    said = page.locator("input[name=uploads]").evaluate("one => one.validationMessage")
    assert said == "More than 2 files at once. Send them packed as a zip, or in parts."
    expect(page.locator("[name=dataset]")).to_have_value("kept")
