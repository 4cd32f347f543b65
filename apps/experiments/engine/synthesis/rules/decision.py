"""Decision lists: their form, what they answer on a feature table, and how they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.rules import bits

Condition = tuple[str, int, int]
"""Feature name, operator of `bits`, value."""
Action = tuple[str, Any]
"""("const", colour) or ("copy", feature name)."""
Rules = tuple[tuple[tuple[Condition, ...], Action], ...]
"""A decision list: the first rule whose conditions all hold decides; no rule, no answer."""

_OPERATORS = ("==", ">=", "!=", "<")


def apply_rules(rules: Rules, rows: NDArray[np.int8], index: dict[str, int], own: int = 0) -> NDArray[np.int8]:
    """What a decision list says of each column of a feature table; -1 where no rule decides."""
    n = rows.shape[1]
    out = np.full(n, -1, np.int8)
    free = np.ones(n, np.bool_)
    for conditions, action in rules:
        hold = free.copy()
        for name, operator, value in conditions:
            hold &= _holds(rows[index[name]], operator, value, rows[own])
        answer = rows[index[action[1]]] if action[0] == "copy" else np.int8(action[1])
        out = np.where(hold, answer, out).astype(np.int8)
        free &= ~hold
    return out


def _holds(row: NDArray[np.int8], operator: int, value: int, own: NDArray[np.int8]) -> NDArray[np.bool_]:
    if operator == bits.SAME:
        return np.equal(row, own)
    if operator == bits.DIFFERENT:
        return np.not_equal(row, own)
    if operator == bits.GE:
        return np.greater_equal(row, value)
    if operator == bits.LT:
        return np.less(row, value)
    return np.equal(row, value) if operator == bits.EQ else np.not_equal(row, value)


def rules_text(rules: Rules, item: str) -> str:
    """A decision list as Python-like lines about `item`."""
    lines = []
    for number, (conditions, action) in enumerate(rules):
        value = f"{item}.{action[1]}" if action[0] == "copy" else str(action[1])
        if conditions:
            tests = " and ".join(_condition_text(condition, item) for condition in conditions)
            lines.append(f"{'el' if number else ''}if {tests}: {value}")
        else:
            lines.append(f"else: {value}" if number else value)
    return "\n".join(lines)


def _condition_text(condition: Condition, item: str) -> str:
    name, operator, value = condition
    if operator in (bits.SAME, bits.DIFFERENT):
        return f"{item}.{name} {'==' if operator == bits.SAME else '!='} {item}.own"
    return f"{item}.{name} {_OPERATORS[operator]} {value}"


def names_used(rules: Rules) -> Iterator[str]:
    """Every feature a decision list reads."""
    for conditions, action in rules:
        yield from (condition[0] for condition in conditions)
        if action[0] == "copy":
            yield str(action[1])
