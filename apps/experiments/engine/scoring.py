"""ARC's official scoring, and the statistics that make two runs comparable. Pure functions without numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.experiments.engine.strategy import ATTEMPTS_PER_TEST
from apps.tasks.engine.grids import same
from apps.tasks.engine.puzzle import Grid


def hits(attempts: Sequence[Sequence[Grid]], truths: Sequence[Grid | None]) -> list[bool]:
    """For each test output: whether one of the first two attempts equals it exactly, shape included.

    Missing attempts are misses; an unknown truth (None) is a miss.
    """
    return [
        any(same(attempt, truth) for attempt in (attempts[i] if i < len(attempts) else ())[:ATTEMPTS_PER_TEST])
        for i, truth in enumerate(truths)
    ]


def score(hit_list: Sequence[bool]) -> float:
    """A task's score: the share of its test outputs that were hit (0 for none)."""
    return sum(hit_list) / len(hit_list) if hit_list else 0.0


@dataclass(frozen=True)
class Scores:
    """The three ways to sum up a run.

    `macro`: mean of the tasks' scores; `micro`: hits over all test outputs; `strict`: number of tasks with
    every test output hit. `tasks` and `outputs` are the denominators.
    """

    macro: float
    micro: float
    strict: int
    tasks: int
    outputs: int


def summarise(per_task: Mapping[str, Sequence[bool]]) -> Scores:
    """Macro, micro and strict over tasks' hit lists."""
    outputs = sum(len(h) for h in per_task.values())
    count = len(per_task)
    return Scores(
        macro=math.fsum(score(h) for h in per_task.values()) / count if count else 0.0,
        micro=sum(sum(h) for h in per_task.values()) / outputs if outputs else 0.0,
        strict=sum(1 for h in per_task.values() if h and all(h)),
        tasks=count,
        outputs=outputs,
    )


def wilson(successes: float, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval for a proportion (95 % by default); (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share = successes / trials
    spread = z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= trials else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True)
class Paired:
    """Two runs on the same tasks: solved strictly by one only, by both, by neither; two-sided exact p-value."""

    only_first: int
    only_second: int
    both: int
    neither: int
    p_value: float


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar p-value: the binomial test on the discordant tasks."""
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    tail = sum(math.comb(discordant, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / float(2**discordant))


def compare(first: Mapping[str, Sequence[bool]], second: Mapping[str, Sequence[bool]]) -> Paired:
    """Paired comparison over the tasks both runs hold."""
    counts = {(a, b): 0 for a in (False, True) for b in (False, True)}
    for key in sorted(set(first) & set(second)):
        counts[bool(first[key]) and all(first[key]), bool(second[key]) and all(second[key])] += 1
    only_first, only_second = counts[True, False], counts[False, True]
    return Paired(only_first, only_second, counts[True, True], counts[False, False], mcnemar_p(only_first, only_second))
