"""The picture of the layout in `docs/architecture.md`, drawn from what the modules import.

python -m tests.architecture.layout            # draw it anew
python -m tests.architecture.layout --check    # whether it is true
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import grimp

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
COMMAND = "python -m tests.architecture.layout"
_PLACE = re.compile(r"(?<=<!-- layout -->\n)```mermaid\n.*?```(?=\n<!-- end of layout -->)", re.DOTALL)

Graph = dict[str, set[str]]
"""By part: the parts it imports from."""


def part_of(module: str) -> str | None:
    """The part a module belongs to: an app, its engine, or a package beside the apps; none for `apps` itself."""
    names = module.split(".")
    if names[0] != "apps":
        return names[0]
    if len(names) < 2:
        return None
    return f"{names[1]}.engine" if names[2:3] == ["engine"] else names[1]


def parts(graph: grimp.ImportGraph) -> Graph:
    """Who imports whom, by part."""
    found: Graph = {}
    for module in sorted(graph.modules):
        here = part_of(module)
        if here is None:
            continue
        imported = {part_of(name) for name in graph.find_modules_directly_imported_by(module)}
        found.setdefault(here, set()).update(name for name in imported if name not in (None, here))
    return found


def reduced(graph: Graph) -> Graph:
    """Without the arrows that follow from others: whoever imports `a` and what `a` imports shows the first alone."""

    def reached(start: str) -> set[str]:
        seen, new = set[str](), set(graph[start])
        while new:
            seen |= new
            new = {name for one in new for name in graph[one]} - seen
        return seen

    return {
        part: {one for one in imported if not any(one in reached(other) for other in imported - {one})}
        for part, imported in graph.items()
    }


def drawing(graph: Graph) -> str:
    """The picture as Mermaid: an app and its engine in one box."""
    lines = ["```mermaid", "flowchart TD"]
    for part in sorted(graph):
        app, _, engine = part.partition(".")
        if engine:
            lines += [f"  subgraph box_{app} [ ]", f"    {app}", f'    {app}_engine["{app}: engine"]', "  end"]
        elif f"{part}.engine" not in graph:
            lines.append(f"  {part}")
    arrows = reduced(graph)
    lines += [f"  {_node(part)} --> {_node(to)}" for part in sorted(arrows) for to in sorted(arrows[part])]
    return "\n".join([*lines, "```"])


def _node(part: str) -> str:
    return part.replace(".", "_")


def drawn_now() -> str:
    """The picture as the modules import now."""
    return drawing(parts(grimp.build_graph("apps", "workers", "config", cache_dir=None)))


def shown(page: str) -> str:
    """The picture on the page."""
    found = _PLACE.search(page)
    if found is None:
        raise SystemExit(
            f"{PAGE.name} has no place for the layout: <!-- layout -->, a picture, <!-- end of layout -->."
        )
    return found.group()


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="change nothing; 1 if the picture is not true")
    args = options.parse_args()
    page, now = PAGE.read_text("utf-8"), drawn_now()
    if shown(page) == now:
        return 0
    if args.check:
        print(f"The layout in {PAGE.name} is not what the modules import; draw it anew: {COMMAND}", file=sys.stderr)
        return 1
    PAGE.write_text(page.replace(shown(page), now), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
