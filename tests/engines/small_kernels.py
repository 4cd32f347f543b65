"""A chain of small kernels that stand for the solver's, and the command that prepares them."""

from __future__ import annotations

import sys

from apps.experiments.engine import prepare
from apps.experiments.engine.compiled import Kernel, kernel
from apps.experiments.engine.synthesis.signatures import NUMBER


@kernel(NUMBER)
def one(a):  # type: ignore[no-untyped-def]
    return a + 1


@kernel(NUMBER)
def two(a):  # type: ignore[no-untyped-def]
    return one(a) * 2


@kernel(NUMBER, entry=True)
def three(a):  # type: ignore[no-untyped-def]
    return two(a) + one(a)


@kernel(NUMBER, entry=True)
def apart(a):  # type: ignore[no-untyped-def]
    return a - 1


@kernel(NUMBER)
def broken(a):  # type: ignore[no-untyped-def]
    return a.nothing


def chosen(names: list[str]) -> list[Kernel]:
    """Those kernels, called ones first."""
    return [
        value for name in ("one", "two", "three", "apart", "broken") if (value := globals()[name]) and name in names
    ]


if __name__ == "__main__":
    names, arguments = sys.argv[1].split(","), sys.argv[2:]
    prepare.kernels = lambda: chosen(names)
    sys.exit(prepare.main(arguments))
