"""Whatever must know of an app knows it, nothing goes round in circles, and nothing has grown too large or got lost."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
APPS = sorted(path.name for path in (ROOT / "apps").iterdir() if (path / "__init__.py").is_file())
LINES = 400


def text(root: Path, name: str) -> str:
    return (root / name).read_text("utf-8")


def missing(root: Path, app: str) -> list[str]:
    """What an app still lacks, as things to do."""
    return [*_law(root, app), *_companions(root, app), *_doors(root, app)]


def _has(root: Path, app: str, part: str) -> bool:
    folder = root / "apps" / app
    return (folder / f"{part}.py").is_file() or (folder / part / "__init__.py").is_file()


def _law(root: Path, app: str) -> Iterator[str]:
    module = f"apps.{app}"
    between, inside, engines = text(root, "pyproject.toml").split("[[tool.importlinter.contracts]]")[1:4]
    if not re.search(rf'"[^"]*\b{module}\b[^"]*"', between):
        yield f"pyproject.toml: give {module} its layer in 'Between apps'"
    if f'"{module}"' not in inside:
        yield f"pyproject.toml: name {module} in the containers of 'Inside an app'"
    if _has(root, app, "engine") and f'"{module}.engine"' not in engines:
        yield f"pyproject.toml: name {module}.engine among the engines that are pure"
    if _has(root, app, "models") and f'"{module}.models"' not in engines:
        yield f"pyproject.toml: name {module}.models among what engines may not see"


def _companions(root: Path, app: str) -> Iterator[str]:
    if not re.search(rf"\b{app}\b", text(root, "docs/architecture.md").partition("## Layers")[2].split("```")[1]):
        yield f"docs/architecture.md: say in Layers what {app} holds"
    if not list((root / "tests" / "apps" / app).glob("test_*.py")):
        yield f"tests/apps/{app}: tests"
    if not _has(root, app, "models"):
        return
    migrations = root / "apps" / app / "migrations"
    if not list(migrations.glob("0001_*.py")) or not (migrations / "__init__.py").is_file():
        yield f"apps/{app}/migrations: python manage.py makemigrations {app}"
    if not _has(root, app, "admin"):
        yield f"apps/{app}/admin.py: let the admin site show the models"


def _doors(root: Path, app: str) -> Iterator[str]:
    module = f"apps.{app}"
    if f'"{module}"' not in text(root, "config/settings.py"):
        yield f"config/settings.py: name {module} in INSTALLED_APPS"
    if _has(root, app, "api") and not re.search(rf"from {module}\.api import .*router", text(root, "config/api.py")):
        yield f"config/api.py: add the router of {module}.api"
    if _has(root, app, "urls"):
        prefix = re.search(rf'path\("([^"]*)", include\("{module}\.urls"\)\)', text(root, "config/urls.py"))
        if prefix is None:
            yield f"config/urls.py: include {module}.urls"
        elif prefix[1] and f'"/{prefix[1]}"' not in text(root, "apps/lab/navigation.py"):
            yield f"apps/lab/navigation.py: an area for /{prefix[1]}"


@pytest.mark.parametrize("app", APPS)
def test_an_app_is_known_wherever_it_must_be(app: str) -> None:
    assert missing(ROOT, app) == []


def test_a_new_app_is_told_everything_it_lacks(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "config/settings.py", "config/urls.py", "config/api.py", "docs/architecture.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "apps/lab").mkdir(parents=True)
    shutil.copy(ROOT / "apps/lab/navigation.py", tmp_path / "apps/lab/navigation.py")
    for name in ("__init__.py", "models.py", "urls.py", "api.py", "engine/__init__.py"):
        path = tmp_path / "apps/garden" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    urls = tmp_path / "config/urls.py"
    places = [said.partition(":")[0] for said in missing(tmp_path, "garden")]
    assert places == [
        *["pyproject.toml"] * 4,
        *("docs/architecture.md", "tests/apps/garden", "apps/garden/migrations", "apps/garden/admin.py"),
        *("config/settings.py", "config/api.py", "config/urls.py"),
    ]
    urls.write_text(urls.read_text() + '\nurlpatterns += [path("garden/", include("apps.garden.urls"))]\n')
    assert missing(tmp_path, "garden")[-1] == "apps/lab/navigation.py: an area for /garden/"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports for types and inside functions count: what needs the other to be explained is not understood alone."""
    graph = grimp.build_graph("apps", "workers", "config", cache_dir=None)
    circles: list[set[str]] = []
    for module in sorted(graph.modules):
        if not any(module in circle for circle in circles):
            circle = (graph.find_downstream_modules(module) & graph.find_upstream_modules(module)) | {module}
            circles += [circle] if len(circle) > 1 else []
    assert [sorted(circle) for circle in circles] == [], "move what both need into a module below them"


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=1)


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def linked(page: Path) -> set[Path]:
    """The files of ours that a page links to or shows."""
    found = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    return {(page.parent / name).resolve() for name in found if not re.match(r"[a-z]+:", name)}


def test_every_link_of_the_documentation_leads_to_a_file() -> None:
    dead = [f"{page.relative_to(ROOT)}: {to}" for page in pages() for to in sorted(linked(page)) if not to.exists()]
    assert dead == []


def test_every_page_of_the_documentation_is_reached_from_the_readme() -> None:
    reached, new = set[Path](), {ROOT / "README.md"}
    while new:
        reached |= new
        new = {to for page in new if page.suffix == ".md" for to in linked(page) if to.exists()} - reached
    lost = [str(page.relative_to(ROOT)) for page in pages() if page not in reached]
    assert lost == []


def test_no_test_measures_the_machine() -> None:
    """A limit on elapsed seconds fails on a busy machine: let an event say it (tests/patience.py), count, or use CPU time."""
    clocked = re.compile(r"(?:monotonic|perf_counter)\(\) - \w+ <")
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__) and clocked.search(path.read_text("utf-8"))
    }
    assert found == set()


def test_no_file_is_longer_than_can_be_read_at_once() -> None:
    folders = ("apps", "bench", "config", "static", "templates", "tests", "workers")
    files = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".css", ".js", ".html"} and path.is_file()
    ]
    assert len(files) > 300
    long = {
        str(path.relative_to(ROOT)): lines for path in files if (lines := path.read_text("utf-8").count("\n")) > LINES
    }
    assert long == {}, "split it by what it is about"


def test_schemas_are_what_the_api_says_everywhere() -> None:
    """What is stored as JSON stands in `documents`."""
    modules = [path for path in (ROOT / "apps").rglob("*.py") if path.stem.endswith("schemas")]
    assert len(modules) > 2
    assert [str(path.relative_to(ROOT)) for path in modules if "ninja" not in path.read_text("utf-8")] == []
