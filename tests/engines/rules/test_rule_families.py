"""Each family finds the rule of a small hand-made puzzle, and its program replays what the search promised."""

from __future__ import annotations

import json

import numpy as np
import pytest

from apps.experiments.engine.synthesis.program import decode
from apps.experiments.engine.synthesis.rules import FAMILIES, propose
from apps.experiments.engine.synthesis.rules.base import Meter, Proposal
from apps.tasks.engine.grids import same
from apps.tasks.engine.puzzle import Grid, Puzzle

pytestmark = pytest.mark.usefixtures("prepared")

STEPS = 300_000


def g(text: str) -> Grid:
    """A grid from rows of digits."""
    return np.array([[int(c) for c in row] for row in text.split()], np.int8)


def large(text: str) -> str:
    """Each cell as a block of two by two."""
    return " ".join(" ".join(["".join(2 * cell for cell in row)] * 2) for row in text.split())


def solve(family: str, pairs: list[tuple[str, str]], test: str) -> list[Proposal]:
    """What one family answers, cheapest first; every program is checked against its promises."""
    demos = [(g(a), g(b)) for a, b in pairs]
    found = FAMILIES[family](demos, [g(test)], Meter(STEPS))
    for item in found[:10]:
        program = item.program
        program.known = {}
        assert all(same(program.run(given), wanted) for given, wanted in demos)
        assert same(program.run(g(test)), item.outputs[0])
        copy = decode(json.loads(json.dumps(program.to_data())))
        assert same(copy.run(g(test)), item.outputs[0])
        assert copy.to_data() == program.to_data()
        assert copy.text() == program.text()
        assert same(program.steps(g(test))[-1].grid, item.outputs[0])
    return sorted(found, key=lambda item: item.program.cost)


CASES = [
    pytest.param(
        "cells",
        [
            ("00000 03330 03030 03330 00000", "00000 03330 03430 03330 00000"),
            ("333000 303000 333000 000333 000303 000333", "333000 343000 333000 000333 000343 000333"),
        ],
        "0333300 0300300 0333300 0000000",
        "0333300 0344300 0333300 0000000",
        id="holes are filled",
    ),
    pytest.param(
        "cells",
        [
            ("5000 0000 5550 0000", "1000 0000 2220 0000"),
            ("55550 00000 50050 50000", "22220 00000 10010 10000"),
            ("00500 00500 00000 55000", "00200 00200 00000 11000"),
        ],
        "500 000 555",
        "100 000 222",
        id="objects are painted by rank of size",
    ),
    pytest.param(
        "scan",
        [
            ("0200 0000 0000 0050", "0200 0200 0200 0250"),
            ("00020 00000 05000 00000 00000", "00020 00020 05020 00020 00020"),
        ],
        "200 000 000 000",
        "200 200 200 200",
        id="a ray runs down",
    ),
    pytest.param(
        "frames",
        [
            ("1105101 0115110 0015111", "100 010 001"),
            ("1015011 1115010 0105110", "001 010 010"),
            ("0005111 1105101 1115001", "000 100 001"),
        ],
        "0115110 1005110 1015011",
        "010 100 001",
        id="panels are laid over one another",
    ),
    pytest.param(
        "frames",
        [("12 30", "1122 1122 3300 3300"), ("40 05", "4400 4400 0055 0055")],
        "67 01",
        "6677 6677 0011 0011",
        id="cells grow",
    ),
    pytest.param(
        "select",
        [
            ("22000 22000 00011 00001", "22 22"),
            ("000000 044400 044400 000000 300000", "444 444"),
            ("0000 0880 0880 0880 0000 5500", "88 88 88"),
        ],
        "0000000 0777000 0777000 0000000 0030000",
        "777 777",
        id="the largest object is cut out",
    ),
    pytest.param(
        "completion",
        [
            ("1221 3443 3003 1221", "1221 3443 3443 1221"),
            ("5665 7887 7007 5665", "5665 7887 7887 5665"),
        ],
        "2332 4004 4114 2332",
        "2332 4114 4114 2332",
        id="a hidden part of a pattern comes back",
    ),
    pytest.param(
        "objects",
        [
            ("00000 22000 22000 00000 00080", "00000 00220 00220 00000 00080"),
            ("330000 000000 000080 000000", "003300 000000 000080 000000"),
        ],
        "000000 044000 000000 000008",
        "000000 000440 000000 000008",
        id="objects move by a step",
    ),
    pytest.param(
        "summary",
        [
            ("1110 0000 2200", "12"),
            ("3333 4400 0000", "34"),
            ("0600 7777 7777", "76"),
        ],
        "5000 0880 8800",
        "85",
        id="colours are listed by how common they are",
    ),
    pytest.param(
        "wrapped",
        [
            (large("020 000 000"), large("020 020 020")),
            (large("0003 0000 0000"), large("0003 0003 0003")),
        ],
        large("400 000 000"),
        large("400 400 400"),
        id="blocks count as cells",
    ),
    pytest.param(
        "wrapped",
        [
            ("0205000 0005030 0005000", "0205000 0205030 0205030"),
            ("3005020 0005000 0005000", "3005020 3005020 3005020"),
        ],
        "0405600 0005000 0005000",
        "0405600 0405600 0405600",
        id="panels count as grids",
    ),
]


@pytest.mark.parametrize(("family", "pairs", "test", "wanted"), CASES)
def test_a_family_finds_the_rule_and_prefers_it(
    family: str, pairs: list[tuple[str, str]], test: str, wanted: str
) -> None:
    found = solve(family, pairs, test)
    assert found
    assert same(found[0].outputs[0], g(wanted))


def test_every_family_has_a_case() -> None:
    assert {str(case.values[0]) for case in CASES} == set(FAMILIES)


def test_the_cheapest_reading_comes_first() -> None:
    pairs = ((g("100 020 003"), g("500 020 003")), (g("011 400 000"), g("055 400 000")))
    programs = propose(Puzzle("colours", pairs, (g("010 101"),)), STEPS)
    assert same(programs[0].run(g("010 101")), g("050 505"))
    assert [program.cost for program in programs] == sorted(program.cost for program in programs)


def test_without_a_rule_nothing_is_said() -> None:
    rng = np.random.default_rng(7)
    grids = [rng.integers(0, 10, (6, 6)).astype(np.int8) for _ in range(6)]
    pairs = tuple((grids[k], grids[k + 3]) for k in range(3))
    assert propose(Puzzle("noise", pairs, (grids[0],)), STEPS) == []


def test_a_spent_budget_says_nothing() -> None:
    pairs = ((g("100 020 003"), g("500 020 003")),)
    assert propose(Puzzle("colours", pairs, (g("010"),)), 0) == []


def test_programs_read_as_text() -> None:
    pairs = ((g("100 020 003"), g("500 020 003")), (g("011 400 000"), g("055 400 000")))
    text = propose(Puzzle("colours", pairs, (g("010 101"),)), STEPS)[0].text()
    assert text.startswith("def solve(grid):")
    assert "cell.own" in text
