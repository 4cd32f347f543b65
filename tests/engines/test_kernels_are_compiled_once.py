"""A kernel has one signature, whatever it is called with, and its machine code is kept by what it was made of."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.experiments.engine import kept
from apps.experiments.engine.compiled import KERNELS, Kernel, calling
from apps.experiments.engine.synthesis.signatures import FLAG, FROZEN, GRID, NUMBER

ROOT = Path(__file__).parent.parent.parent

SOURCE = '''
@kernel(NUMBER, NUMBER)
def times(a, b):
    """Says nothing of what it does."""
    return a * b * FACTOR


@kernel(FROZEN, NUMBER, FLAG, entry=True)
def weigh(grid, colour, twice):
    total = 0
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            if grid[i, j] == colour:
                total += times(1, 2)
    return 2 * total if twice else total
'''


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what these tests compile apart, and forget their kernels afterwards."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("apps.experiments.engine.compiled.KERNELS", KERNELS.copy())
    return tmp_path / "compiled"


def made(source: str = SOURCE, **values: Any) -> dict[str, Any]:
    """The names of a module with that source."""
    module = types.ModuleType("made")
    vars(module).update({"FACTOR": 1, "np": np, **values})
    exec("from apps.experiments.engine.compiled import kernel", vars(module))
    exec("from apps.experiments.engine.synthesis.signatures import *", vars(module))
    exec(source, vars(module))
    return vars(module)


GRID_OF_ONES = np.ones((3, 4), np.int8)


def test_one_signature_serves_constants_small_integers_and_frozen_grids() -> None:
    weigh = made()["weigh"]
    frozen = GRID_OF_ONES.copy()
    frozen.setflags(write=False)
    assert weigh(GRID_OF_ONES, 1, False) == weigh(frozen, np.int32(1), np.False_) == weigh(frozen, np.int8(1), 0) == 24
    assert weigh(GRID_OF_ONES, 1, True) == 48
    assert len(weigh.signatures) == 1


def test_grids_of_another_type_or_layout_are_refused() -> None:
    weigh = made()["weigh"]
    for wrong in (GRID_OF_ONES.astype(np.int64), GRID_OF_ONES[:, ::2], GRID_OF_ONES[0]):
        with pytest.raises(TypeError, match="No matching definition"):
            weigh(wrong, 1, False)


def test_python_is_told_that_an_inner_kernel_is_not_its_to_call() -> None:
    with pytest.raises(TypeError, match=r"made\.times is called by kernels only"):
        made()["times"](1, 2)


def test_a_second_process_loads_what_the_first_compiled(own_folder: Path) -> None:
    script = (
        "import time, numpy as np\n"
        "from apps.experiments.engine.synthesis.rules.order import largest_first\n"
        "from apps.experiments.engine.compiled import kernel\n"
        "largest_first.seal()\n"
        "print(sum(largest_first._cache_misses.values()))\n"
    )
    misses = [
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert misses == ["1\n", "0\n"]
    assert [path.name.split("-")[0] for path in own_folder.glob("*.bin")] == ["synthesis.rules.order.largest_first"]


def test_what_a_kernel_is_made_of_names_its_code() -> None:
    plain = made()["weigh"].digest
    assert made()["weigh"].digest == plain
    assert made(SOURCE.replace("Says nothing", "Says little"))["weigh"].digest == plain, "words"
    assert made("\n\n" + SOURCE)["weigh"].digest == plain, "place"
    assert made(FACTOR=3)["weigh"].digest != plain, "a constant of a kernel it calls"
    assert made(SOURCE.replace("a * b", "a + b"))["weigh"].digest != plain, "the code of a kernel it calls"
    assert made(SOURCE.replace("== colour", "!= colour"))["weigh"].digest != plain, "its own code"
    assert made(SOURCE.replace("FROZEN, NUMBER", "GRID, NUMBER"))["weigh"].digest != plain, "its signature"


def test_a_changed_constant_changes_the_answer_and_not_only_the_name() -> None:
    assert made()["weigh"](GRID_OF_ONES, 1, False) == 24
    assert made(FACTOR=3)["weigh"](GRID_OF_ONES, 1, False) == 72


def test_values_whose_changes_would_go_unseen_are_refused() -> None:
    with pytest.raises(TypeError, match="not the module kept"):
        _ = made(SOURCE.replace("* FACTOR", "* kept.FACTOR"), kept=kept)["weigh"].digest
    with pytest.raises(TypeError, match="cannot use FACTOR of type list"):
        _ = made(FACTOR=[1])["weigh"].digest


def test_a_damaged_file_is_compiled_again(own_folder: Path) -> None:
    first: Kernel = made()["weigh"]
    assert first(GRID_OF_ONES, 1, False) == 24
    whole = first.path.read_bytes()
    first.path.write_bytes(whole[:100])
    again: Kernel = made()["weigh"]
    assert again(GRID_OF_ONES, 1, False) == 24
    assert len(again.path.read_bytes()) > 1000


def test_where_nothing_can_be_written_kernels_still_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert made()["weigh"](GRID_OF_ONES, 1, False) == 24


def test_a_kernel_can_be_called_by_its_address() -> None:
    names = made()
    ask = calling(NUMBER(FROZEN, NUMBER, FLAG))
    source = """
@kernel(NUMBERS, GRID, entry=True)
def through(addresses, grid):
    return ask(addresses[0], grid, 1, True) + ask(addresses[0], grid, 2, True)
"""
    through = made(source, ask=ask)["through"]
    address = names["weigh"].address(ask.signature)
    assert through(np.array([address]), GRID_OF_ONES) == 48
    assert made(source, ask=calling(NUMBER(GRID, NUMBER, FLAG)))["through"].digest != through.digest
    with pytest.raises(TypeError, match="not"):
        names["weigh"].address(FLAG(FROZEN, NUMBER, FLAG))


def test_every_kernel_of_the_solver_declares_types_it_can_be_named_by() -> None:
    from apps.experiments.engine.prepare import kernels

    found = kernels()
    assert len(found) > 100
    assert len({kernel.path for kernel in found}) == len(found)
    assert all(set(kernel.calls) <= set(found[:place]) for place, kernel in enumerate(found)), "called ones come first"
