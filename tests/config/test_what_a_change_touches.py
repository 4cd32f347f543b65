"""`make test-changed` runs what a change touches: checked on this repository's own files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import grimp
import pytest

from tests import changed
from tests.run import ROOT


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return changed.build_graph()


def folders(tests: set[str]) -> set[str]:
    return {str(Path(test).parent) for test in tests}


def test_a_module_touches_the_tests_that_import_it_however_indirectly(graph: grimp.ImportGraph) -> None:
    found = changed.touched_tests(["apps/tasks/engine/grids.py"], graph)
    assert {"tests/engines/test_grids.py", "tests/engines/test_synthesis.py"} <= found
    assert "tests/config/test_broker.py" not in found


def test_a_test_touches_itself_alone(graph: grimp.ImportGraph) -> None:
    assert changed.touched_tests(["tests/engines/test_grids.py"], graph) == {"tests/engines/test_grids.py"}


def test_a_conftest_and_what_it_imports_touch_the_tests_beneath(graph: grimp.ImportGraph) -> None:
    for path in ("tests/apps/core/conftest.py", "tests/apps/core/live_lab.py"):
        found = changed.touched_tests([path], graph)
        assert "tests/apps/core/test_ids.py" in found
        assert "tests/apps/tasks/test_curating.py" not in found


def test_a_view_touches_the_pages_of_its_app_though_no_test_imports_it(graph: grimp.ImportGraph) -> None:
    found = changed.touched_tests(["apps/tasks/views/gallery.py"], graph)
    assert "tests/apps/tasks/test_pages_of_tasks.py" in found
    assert "tests/apps/experiments" not in folders(found)
    assert "tests/e2e" in folders(found)


def test_a_template_touches_its_app_and_a_shared_one_touches_all(graph: grimp.ImportGraph) -> None:
    own = folders(changed.touched_tests(["templates/tasks/gallery.html"], graph))
    assert {"tests/apps/tasks", "tests/e2e"} <= own
    assert "tests/apps/experiments" not in own
    shared = folders(changed.touched_tests(["templates/base.html"], graph))
    assert {"tests/apps/core", "tests/apps/experiments", "tests/apps/lab", "tests/apps/tasks"} <= shared


def test_a_worker_touches_the_tests_that_start_workers_as_processes(graph: grimp.ImportGraph) -> None:
    found = changed.touched_tests(["workers/usage.py"], graph)
    assert {"tests/workers/test_worker.py", "tests/chaos/test_chaos.py"} <= found


def test_the_entry_of_a_child_counts_as_an_import(graph: grimp.ImportGraph) -> None:
    assert "workers.solving" in graph.find_modules_directly_imported_by("workers.experiments")


def test_a_file_that_is_not_python_touches_the_tests_that_name_it(graph: grimp.ImportGraph) -> None:
    assert "tests/config/test_settings.py" in changed.touched_tests(["docs/settings.md"], graph)
    nameless = "-".join(("docs/a", "page", "nobody", "names.md"))
    assert changed.touched_tests([nameless], graph) == set()


def test_settings_and_requirements_touch_everything(graph: grimp.ImportGraph) -> None:
    every = {module for module in graph.modules if changed.is_test(module)}
    for path in ("config/settings.py", "requirements.txt"):
        assert len(changed.touched_tests([path], graph)) == len(every)


def test_a_module_that_is_gone_touches_what_used_its_package(graph: grimp.ImportGraph) -> None:
    assert "tests/apps/tasks/test_curating.py" in changed.touched_tests(["apps/tasks/gone_for_good.py"], graph)


def test_every_test_is_a_module_of_the_graph(graph: grimp.ImportGraph) -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    known = {str(changed.file_of(module).relative_to(ROOT)) for module in graph.modules}
    assert files - known == set(), "add an __init__.py to the folder"


def test_what_is_new_edited_or_committed_since_counts_as_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--initial-branch", "main")
    for name in ("kept", "edited", "committed"):
        (tmp_path / name).write_text("1")
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "work")
    (tmp_path / "committed").write_text("2")
    git("commit", "-am", "two")
    (tmp_path / "edited").write_text("2")
    (tmp_path / "new").write_text("2")
    monkeypatch.setattr(changed, "ROOT", tmp_path)
    assert changed.changed_files(None) == ["committed", "edited", "new"]
    assert changed.changed_files("HEAD") == ["edited", "new"]
