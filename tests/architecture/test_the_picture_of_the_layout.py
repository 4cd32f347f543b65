"""The layout that the documentation shows is the one there is."""

from __future__ import annotations

import grimp

from tests.architecture import layout


def test_the_picture_shows_what_the_modules_import() -> None:
    assert layout.shown(layout.PAGE.read_text("utf-8")) == layout.drawn_now(), f"draw it anew: {layout.COMMAND}"


def test_an_import_more_changes_the_picture_and_one_that_follows_from_others_does_not() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("workers.a", "apps.garden.b"), ("apps.garden.b", "apps.garden.engine.c")):
        graph.add_import(importer=importer, imported=imported)
    before = layout.drawing(layout.parts(graph))
    assert [line.strip() for line in before.splitlines() if "-->" in line] == [
        "garden --> garden_engine",
        "workers --> garden",
    ]
    graph.add_import(importer="workers.a", imported="apps.garden.engine.c")
    assert layout.drawing(layout.parts(graph)) == before
    graph.add_import(importer="apps.garden.engine.c", imported="config.d")
    assert "garden_engine --> config" in layout.drawing(layout.parts(graph))
