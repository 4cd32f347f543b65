"""Dollars, rates, energy, shares and plurals are written by `apps.core.words` and its filters, nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

OWN = {"apps/core/words.py", "apps/core/plots.py", "apps/core/timing.py"}
"""The words themselves; coordinates of drawings; a header that browsers read."""

IN_CODE = {
    "dollars": re.compile(r"\$\{[^}]*:[^}]*f\}|f\"\$\{"),
    "a share": re.compile(r"\{100 \*|:\.\d+%\}|\* 100:[^}]*\} ?%"),
    "energy or power": re.compile(r"\} ?(?:J|kWh|Wh|W)\b"),
    "effort": re.compile(r"\} ?core-s"),
    "a rate": re.compile(r"\}/(?:s|min|h)\b"),
    "a plural": re.compile(r"""['"]s['"] if |['"]{2} if \w+ == 1 else ['"]s"""),
}
IN_TEMPLATES = {
    "dollars": re.compile(r"\$ ?\{\{"),
    "a share": re.compile(r"\}\} ?%(?!\})"),
    "energy or power": re.compile(r"\}\} ?(?:J|kWh|Wh|W)\b"),
    "effort": re.compile(r"\}\} ?core-s"),
    "a rate": re.compile(r"\}\}/(?:s|min|h)\b"),
    "a plural": re.compile(r"\|pluralize \}\}|\}\}\(s\)"),
    "digits": re.compile(r"\|floatformat"),
    "a strategy's name": re.compile(r"\{\{ [\w.]*\bstrategy(?:_name)? \}\}(?!</span>)"),
}


def _sources() -> Iterator[tuple[str, str]]:
    for folder in ("apps", "workers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name not in OWN and "/engine/" not in name and "/migrations/" not in name:
                yield name, path.read_text()


def _templates() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        yield str(path.relative_to(ROOT)), path.read_text()


def _found(texts: Iterator[tuple[str, str]], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line) and not (name.endswith(".py") and line.lstrip().startswith(("#", '"""')))
    ]


@pytest.mark.parametrize("what", IN_CODE)
def test_no_code_writes_them_its_own_way(what: str) -> None:
    assert _found(_sources(), IN_CODE[what]) == [], f"write {what} by a function of apps/core/words.py"


@pytest.mark.parametrize("what", IN_TEMPLATES)
def test_no_template_writes_them_its_own_way(what: str) -> None:
    assert _found(_templates(), IN_TEMPLATES[what]) == [], f"write {what} by a filter of `load ui`"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("dollars", 'f"${row.dollars:.4f}"'),
        ("a share", 'f"{100 * score:.0f} %"'),
        ("energy or power", 'f"{joules} J"'),
        ("effort", 'f"{seconds:.3g} core-s"'),
        ("a rate", 'f"{n:.1f}/s"'),
        ("a plural", """'s' if n != 1 else ''"""),
    ],
)
def test_the_check_itself_can_fail(what: str, line: str) -> None:
    assert _found(iter([("x.py", line)]), IN_CODE[what])
