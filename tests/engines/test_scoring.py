"""ARC's scoring rule and the statistics around it, against hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest

from apps.experiments.engine import scoring


def test_two_attempts_count_and_a_third_does_not() -> None:
    truth = np.ones((2, 2), np.int8)
    wrong = np.zeros((2, 2), np.int8)
    assert scoring.hits([[wrong, truth]], [truth]) == [True]
    assert scoring.hits([[wrong, wrong, truth]], [truth]) == [False]
    assert scoring.hits([], [truth]) == [False]
    assert scoring.hits([[truth]], [None]) == [False]


def test_shape_matters() -> None:
    assert scoring.hits([[np.zeros((1, 2), np.int8)]], [np.zeros((2, 1), np.int8)]) == [False]


def test_macro_micro_and_strict_differ_as_defined() -> None:
    totals = scoring.summarise({"a": [True, False], "b": [True], "c": [False]})
    assert totals.macro == pytest.approx(0.5)
    assert totals.micro == pytest.approx(0.5)
    assert totals.strict == 1
    assert (totals.tasks, totals.outputs) == (3, 4)
    assert scoring.summarise({}).macro == 0.0


def test_wilson_agrees_with_published_values() -> None:
    assert scoring.wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert scoring.wilson(0, 20)[0] == 0.0
    assert scoring.wilson(20, 20)[1] == 1.0
    assert scoring.wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert scoring.mcnemar_p(0, 0) == 1.0
    assert scoring.mcnemar_p(1, 9) == pytest.approx(22 / 1024)
    assert scoring.mcnemar_p(5, 5) == 1.0


def test_comparison_pairs_tasks_both_runs_hold() -> None:
    paired = scoring.compare({"a": [True], "b": [True], "x": [True]}, {"a": [False], "b": [True], "y": [True]})
    assert (paired.only_first, paired.only_second, paired.both, paired.neither) == (1, 0, 1, 0)
