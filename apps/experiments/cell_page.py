"""What the page of a cell shows: its answer beside the question, where one can step to, its programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from apps.experiments import queries
from apps.experiments.models import ExperimentRun
from apps.experiments.page import RunPage
from apps.experiments.queries.cells import CellDetail, TestView
from apps.experiments.queries.matrix import UNSOLVED, Cell, order_known, row_cells, symbol_of, words_of
from apps.experiments.strategies import title_of
from apps.tasks.svg import cell_pixels

STRIP = 15
"""So many cells of the row are shown on either side."""
DEMO_PIXELS, TEST_PIXELS = 150, 340
Grid = list[list[int]]


@dataclass(frozen=True)
class Looking:
    """How a person looks through cells; it travels in the address from one to the next."""

    run: int | None = None
    order: str = ""
    unsolved: bool = False
    truth: bool = False

    def query(self, **changes: Any) -> str:
        """The address's query, with changes."""
        asked = {"run": self.run, "order": self.order, "unsolved": self.unsolved, "truth": self.truth, **changes}
        kept = {name: "1" if value is True else value for name, value in asked.items() if value}
        return f"?{urlencode(kept)}" if kept else ""


def looking_of(page: RunPage, asked: Any) -> Looking:
    """What the address says."""
    return Looking(
        run=page.run.number if page.run and not page.is_latest else None,
        order=order_known(asked.get("order", "")),
        unsolved=asked.get("unsolved") == "1",
        truth=asked.get("truth") == "1",
    )


@dataclass(frozen=True)
class Steps:
    """Where one can go from a cell: along its row, in the order and among the cells chosen, and to other rows of its task."""

    place: int
    count: int
    before: int | None
    after: int | None
    above: int | None
    below: int | None
    strip: Sequence[Cell]


def steps_of(run: ExperimentRun, detail: CellDetail, looking: Looking) -> Steps:
    """From this cell; two statements."""
    solve = detail.solve
    row = row_cells(run_id=run.run_id, strategy=solve.strategy, seed=solve.seed, order=looking.order)
    here = next(place for place, cell in enumerate(row) if cell.position == solve.position)
    among = [n for n, cell in enumerate(row) if not looking.unsolved or cell.symbol in UNSOLVED]
    earlier, later = [n for n in among if n < here], [n for n in among if n > here]
    rows = run.cells_total // max(1, len(row))
    own = solve.position % rows
    return Steps(
        place=len(earlier) + 1,
        count=len(among) if here in among else len(among) + 1,
        before=row[earlier[-1]].position if earlier else None,
        after=row[later[0]].position if later else None,
        above=solve.position - 1 if own > 0 else None,
        below=solve.position + 1 if own + 1 < rows else None,
        strip=row[max(0, here - STRIP) : here + STRIP + 1],
    )


@dataclass(frozen=True)
class ProgramView:
    """A distinct program of a cell's answer, and the attempts that used it."""

    text: str
    test: int
    attempt: int
    used: list[str]
    replayable: bool

    @property
    def place(self) -> str:
        """Which attempts at which tests."""
        return "; ".join(self.used)

    @property
    def label(self) -> str:
        """Its name for screen readers, unlike any other's on the page."""
        return f"Program of {self.place}"


def _programs(detail: CellDetail) -> list[ProgramView]:
    found: dict[str, ProgramView] = {}
    for test in detail.tests:
        for number, attempt in enumerate(test.attempts, start=1):
            if not attempt.program:
                continue
            view = found.setdefault(
                attempt.program, ProgramView(attempt.program, test.number, number, [], bool(attempt.program_data))
            )
            view.used.append(f"attempt {number}" if len(detail.tests) == 1 else f"test {test.number}, attempt {number}")
    return list(found.values())


@dataclass(frozen=True)
class Scale:
    """One scale for grids that are compared: the columns of the widest, and the pixels a cell has where there is room."""

    columns: int
    cell: int


def _scale(grids: Sequence[Grid], size: int) -> Scale:
    columns = max(len(grid[0]) for grid in grids)
    return Scale(columns, min(cell_pixels(len(grid), columns, size) for grid in grids))


@dataclass(frozen=True)
class Demo:
    """A demonstration, its two grids to one scale."""

    input: Grid
    output: Grid
    scale: Scale


@dataclass(frozen=True)
class TestRow:
    """A test as the page shows it: `truth` is null while it is not asked for, and where nobody knows it."""

    view: TestView
    truth: Grid | None
    known: bool
    scale: Scale


def _demos(detail: CellDetail) -> list[Demo]:
    pairs = [(pair["input"], pair["output"]) for pair in detail.content.train]
    return [Demo(source, target, _scale([source, target], DEMO_PIXELS)) for source, target in pairs]


def _tests(detail: CellDetail, *, truth: bool) -> list[TestRow]:
    rows = []
    for view, known in zip(detail.tests, detail.content.truths, strict=True):
        shown = known if truth else None
        grids = [view.input, *(attempt.grid for attempt in view.attempts), *([shown] if shown else [])]
        rows.append(TestRow(view, shown, known is not None, _scale(grids, TEST_PIXELS)))
    return rows


def cell_context(page: RunPage, run: ExperimentRun, position: int, looking: Looking) -> dict[str, Any]:
    """Everything the page of a cell shows; a truth only when it was asked for."""
    detail = queries.cell_detail(run=run, position=position)
    solve = detail.solve
    base = f"/experiments/{page.experiment.pk}/"
    return {
        "page": page,
        "experiment": page.experiment,
        "run": run,
        "detail": detail,
        "solve": solve,
        "submission": detail.submission,
        "demos": _demos(detail),
        "tests": _tests(detail, truth=looking.truth),
        "strategy_title": title_of(solve.strategy),
        "symbol": symbol_of(solve),
        "said": words_of(solve),
        "programs": _programs(detail),
        "steps": steps_of(run, detail, looking),
        "looking": looking,
        "base": base,
        "query": looking.query(),
        "cell_url": f"{base}cells/{position}/",
        "matrix_url": f"{base}{looking.query(unsolved=None, truth=None)}#c{position}",
        "truth_url": looking.query(truth=not looking.truth),
        "all_url": looking.query(unsolved=None),
        "unsolved_url": looking.query(unsolved=True),
        "can_retry": page.can_write and page.is_latest and solve.finished_at is not None and page.status != "paused",
    }
