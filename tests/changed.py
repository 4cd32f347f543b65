"""`make test-changed`: only the tests that a change touches, found through the import graph.

    python -m tests.changed                  what differs from main, committed or not
    python -m tests.changed --since HEAD~3
    python -m tests.changed --list           only say which
    python -m tests.changed --production     on PostgreSQL and Redis too
    python -m tests.changed --browser        the browser tests too, where the change touches them

A test is touched by every module it imports, however indirectly. What imports do not show: pages and endpoints are
reached by address, so the tests of an app are touched by its modules and by what these import directly, and by its
templates (those of no app, and template tags, touch the tests of all apps); entries of children are named in strings;
processes that tests start run `workers` and `config`; fixtures come from conftests; a file that is not Python touches
what names it. The whole suite stays the judge: this is for the minutes between.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp

from tests.run import PARALLEL, ROOT, WITH_DATABASE, Outcome, close, production, run_browser, run_pytest

PACKAGES = ("apps", "bench", "config", "tests", "workers")
EVERYTHING = (
    "config/settings.py", "config/env.py", "manage.py", "pyproject.toml", "requirements.txt", "requirements-dev.txt",
    "tests/apps/conftest.py",
)  # fmt: skip
SHOWN = ("apps/", "config/", "static/", "templates/", "workers/")
"""What the browser tests look at, all of it."""
_DOTTED = re.compile(rf"^(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


def module_of(path: str) -> str:
    """The dotted name of a Python file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def file_of(module: str) -> Path:
    """The file of a module, or where a package's would be."""
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def is_test(module: str) -> bool:
    """Whether pytest collects it."""
    return module.startswith("tests.") and module.rpartition(".")[2].startswith("test_")


def build_graph() -> grimp.ImportGraph:
    """Who imports whom, with the modules that tests and workers name in strings."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    modules = set(graph.modules)
    for module in sorted(modules):
        if not module.startswith(("tests.", "workers.")):
            continue
        named = {_named_module(text, modules) for text in _strings(file_of(module))}
        for imported in named - {module, None}:
            graph.add_import(importer=module, imported=str(imported))
    return graph


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _named_module(text: str, modules: set[str]) -> str | None:
    """The longest module at the head of a dotted name such as `workers.solving:warm`."""
    found = _DOTTED.match(text)
    name = found.group() if found else ""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def touched_tests(paths: Iterable[str], graph: grimp.ImportGraph) -> set[str]:
    """The test files touched by a change of these files, as paths from the root."""
    every = {str(file_of(module).relative_to(ROOT)) for module in graph.modules if is_test(module)}

    def under(*folders: str) -> set[str]:
        return {test for test in every if test.startswith(folders)}

    touched: set[str] = set()
    for path in paths:
        if path in EVERYTHING:
            return every
        if path.startswith(SHOWN):
            touched |= under("tests/e2e/")
        if "/templatetags/" in path:
            touched |= under("tests/apps/")
        if path.startswith("templates/"):
            touched |= under(f"tests/apps/{path.split('/')[1]}/") or under("tests/apps/")
        for module in _modules_behind(path, graph):
            affected = {module} | graph.find_downstream_modules(module)
            touched |= {str(file_of(name).relative_to(ROOT)) for name in affected if is_test(name)}
            touched |= under(*_folders_behind(module, affected, graph))
            if module.startswith(("workers.", "config.")):
                touched |= _tests_that_start_processes(graph)
    return touched


def _tests_that_start_processes(graph: grimp.ImportGraph) -> set[str]:
    tests = {module for module in graph.modules if module.startswith("tests.")}
    starters = {module for module in tests if "manage.py" in _strings(file_of(module))}
    users = starters.union(*(graph.find_downstream_modules(module) for module in starters))
    return {str(file_of(module).relative_to(ROOT)) for module in users if is_test(module)}


def _modules_behind(path: str, graph: grimp.ImportGraph) -> set[str]:
    """The module in this file; of a file that is gone, the package it was in; of another, the modules that name it."""
    if path.endswith(".py"):
        module = module_of(path)
        while module and module not in graph.modules:
            module = module.rpartition(".")[0]
        return {module} if module else set()
    name = Path(path).name
    return {module for module in graph.modules if any(name in text for text in _strings(file_of(module)))}


def _folders_behind(module: str, affected: set[str], graph: grimp.ImportGraph) -> set[str]:
    """Folders whose tests all feel this: those of the apps that have or use the module, those under its conftest."""
    direct = {module} | graph.find_modules_that_directly_import(module)
    folders = {f"tests/apps/{name.split('.')[1]}/" for name in direct if name.startswith("apps.")}
    if module.startswith("tests."):
        conftests = [name for name in affected if name.startswith("tests.") and name.endswith(".conftest")]
        folders |= {f"{file_of(name).relative_to(ROOT).parent}/" for name in conftests}
    return folders


def changed_files(since: str | None) -> list[str]:
    """What differs from `since` (where this branch left main, unless told otherwise), with what git does not know yet."""
    base = since or next(iter(_git("merge-base", "HEAD", "main")), "HEAD")
    return sorted({*_git("diff", "--name-only", base), *_git("ls-files", "--others", "--exclude-standard")})


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def main() -> int:
    """Find the tests, say which, run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", help="a commit to compare with; default: where this branch left main")
    parser.add_argument("--list", action="store_true", help="only say which tests")
    parser.add_argument("--production", action="store_true", help="on PostgreSQL and Redis too")
    parser.add_argument("--browser", action="store_true", help="the browser tests too")
    args = parser.parse_args()
    paths = changed_files(args.since)
    graph = build_graph()
    tests = touched_tests(paths, graph)
    plain = sorted(test for test in tests if not test.startswith("tests/e2e/"))
    browser = sorted(tests - set(plain))
    whole = sum(is_test(module) for module in graph.modules)
    print(f"{len(paths)} files changed; {len(tests)} of {whole} test files are touched by them.")
    if args.list:
        print(*plain, *browser, sep="\n")
        return 0
    outcome = Outcome()
    if plain:
        run_pytest("SQLite", [*PARALLEL, *plain], {}, outcome)
    with_database = [test for test in plain if test.startswith(tuple(WITH_DATABASE))]
    if args.production and with_database:
        with production(outcome) as extra:
            if extra is not None:
                run_pytest("PostgreSQL and Redis", [*PARALLEL, *with_database], extra, outcome)
    if args.browser and browser:
        run_browser(browser, outcome)
    elif browser:
        print(f"Not run: {len(browser)} files of browser tests (--browser).")
    return close(outcome)


if __name__ == "__main__":
    sys.exit(main())
