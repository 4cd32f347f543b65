"""Learning a short decision list from a feature table: which action is right for which row.

Rows are cells, objects, panels or whole demonstrations; an action gives a colour, either a constant or the value
of a colour feature. Everything the demonstrations leave open is kept as a hypothesis with its description length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.rules import bits
from apps.experiments.engine.synthesis.rules.base import Meter
from apps.experiments.engine.synthesis.rules.cells import NONE, pack
from apps.experiments.engine.synthesis.rules.decision import Action, Condition, Rules, apply_rules
from apps.experiments.engine.synthesis.rules.features import COLOUR, Feature

CONSTANT_COST = 380
KEEP_COST = 60
VALUE_COST = 240
RULE_COST = 150


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A decision list consistent with every training row, and what it says of the test rows."""

    cost: int
    rules: Rules
    test: NDArray[np.int8]


@dataclass(frozen=True)
class Effort:
    """How hard to look: conjunction width, pairs of actions tried, hypotheses kept, classes beside the default."""

    width: int = 60
    pairs: int = 60
    keep: int = 16
    classes: int = 6
    terms: int = 5


class Problem:
    """Literals and actions of one learning problem."""

    def __init__(
        self,
        features: Sequence[Feature],
        train: NDArray[np.int8],
        test: NDArray[np.int8],
        target: NDArray[np.int8],
        own: int = 0,
        actions: Sequence[tuple[int, Action, NDArray[np.bool_]]] = (),
    ) -> None:
        self.features = features
        self.train = train
        self.test = test
        self.target = target
        self.own = own
        self.rows = train.shape[1]
        self.index = {feature.name: k for k, feature in enumerate(features)}
        self.kinds = np.array([feature.kind for feature in features], np.int8)
        self.costs = np.array([feature.cost for feature in features], np.int32)
        self.hits: NDArray[np.bool_] | None = None
        if actions:
            self._given(actions)
        else:
            self._actions()
        self._literals: tuple[NDArray[Any], ...] | None = None

    def _actions(self) -> None:
        entries: list[tuple[int, int, Action, NDArray[Any], NDArray[Any]]] = []
        for index, feature in enumerate(self.features):
            if feature.kind != COLOUR:
                continue
            row = self.train[index]
            hit = row == self.target
            if hit.any():
                cost = KEEP_COST if index == self.own else feature.cost + 60
                entries.append((cost, index, ("copy", feature.name), hit, self.test[index]))
        for colour in np.unique(self.target).tolist():
            hit = self.target == colour
            values = np.full(self.test.shape[1], colour, np.int8)
            entries.append((CONSTANT_COST, -1, ("const", int(colour)), hit, values))
        entries.sort(key=lambda entry: (entry[0], entry[1], str(entry[2][1])))
        seen: set[tuple[bytes, bytes]] = set()
        unique = []
        for entry in entries:
            key = (entry[3].tobytes(), entry[4].tobytes())
            if key not in seen:
                seen.add(key)
                unique.append(entry)
        self.actions = [entry[2] for entry in unique]
        self.action_costs = [entry[0] for entry in unique]
        self.right = pack(np.array([entry[3] for entry in unique]))
        self.values = np.array([entry[4] for entry in unique], np.int8)
        self.full = pack(np.ones((1, self.rows), np.bool_))[0]

    def _given(self, actions: Sequence[tuple[int, Action, NDArray[np.bool_]]]) -> None:
        """Actions told from outside: each a constant code, right on the rows it marks."""
        self.actions = [action for _cost, action, _hit in actions]
        self.action_costs = [cost for cost, _action, _hit in actions]
        self.hits = np.array([hit for _cost, _action, hit in actions])
        self.right = pack(self.hits)
        codes = np.array([action[1] for action in self.actions], np.int8)
        self.values = np.repeat(codes[:, None], self.test.shape[1], axis=1)
        self.full = pack(np.ones((1, self.rows), np.bool_))[0]

    def accepts(self, answer: NDArray[np.int8]) -> bool:
        """Whether an answer for the training rows is right on each."""
        if self.hits is None:
            return bool((answer == self.target).all())
        at = {int(action[1]): k for k, action in enumerate(self.actions)}
        return all(int(code) in at and bool(self.hits[at[int(code)], row]) for row, code in enumerate(answer.tolist()))

    def literals(self) -> tuple[NDArray[Any], ...]:
        """(meta, train words, test words, costs), cheapest first, without duplicates; built on first use."""
        if self._literals is None:
            compare = (self.kinds == COLOUR) & (np.arange(len(self.kinds)) != self.own) & (self.hits is None)
            meta, train, test = bits.literals(
                self.train, self.test, self.kinds, self.costs, compare, self.own, VALUE_COST
            )
            keys = bits.hashes(train, test)
            order = np.lexsort((np.arange(len(meta)), meta[:, 3]))
            _, first = np.unique(keys[order], return_index=True)
            chosen = order[np.sort(first)]
            self._literals = (meta[chosen], train[chosen], test[chosen], meta[chosen, 3].astype(np.int64))
        return self._literals

    def condition(self, index: int) -> Condition:
        """The literal as a named condition."""
        feature, operator, value, _cost = (int(x) for x in self.literals()[0][index])
        return (self.features[feature].name, operator, value)

    def size(self) -> int:
        """Words a pass over all literals touches."""
        return int(self.literals()[1].size)


def _usable(values: NDArray[np.int8]) -> bool:
    return bool((values >= 0).all() and (values < NONE).all())


class Learner:
    """Enumerates hypotheses for a problem, from the simplest shapes up."""

    def __init__(self, problem: Problem, meter: Meter, effort: Effort) -> None:
        self.problem = problem
        self.meter = meter
        self.effort = effort
        self.found: list[Hypothesis] = []

    def add(self, cost: int, rules: Rules, test: NDArray[np.int8]) -> None:
        """Keep a hypothesis if it answers every test row."""
        if _usable(test) if self.problem.hits is None else bool((test >= 0).all()):
            self.found.append(Hypothesis(cost, rules, test.astype(np.int8)))

    def run(self) -> list[Hypothesis]:
        """Every hypothesis found, cheapest first."""
        problem = self.problem
        self.singles()
        if not self.found:
            self.splits()
            self.meter.spend(problem.train.size // 100 + problem.size() // 400 + 50)
            self.binaries()
            if not self.found or min(item.cost for item in self.found) > 1500:
                self.lists()
        self.found.sort(key=lambda item: (item.cost, repr(item.rules)))
        return self.found

    def singles(self) -> None:
        """One action for every row."""
        problem = self.problem
        for index, action in enumerate(problem.actions):
            if not (problem.full & ~problem.right[index]).any():
                self.add(problem.action_costs[index], (((), action),), problem.values[index])

    def splits(self) -> None:
        """One feature decides: each of its values has an action."""
        problem = self.problem
        inside = np.arange(problem.rows)
        order = np.arange(len(problem.features))
        rows = bits.pure_splits(problem.train, inside, problem.right, order, 10)
        self.meter.spend(problem.rows * len(order) // 400)
        for row in rows:
            feature = problem.features[int(row[0])]
            used = [(v - 1, int(row[2 + v])) for v in range(160) if row[2 + v] >= 0]
            actions = {index for _value, index in used}
            cost = feature.cost + 100 + sum(problem.action_costs[index] + 150 for _value, index in used)
            cost += 100 * len(actions)
            test = np.full(problem.test.shape[1], -1, np.int8)
            column = problem.test[int(row[0])]
            rules = []
            for value, index in used:
                rules.append((((feature.name, bits.EQ, value),), problem.actions[index]))
                test = np.where(column == value, problem.values[index], test)
            self.add(cost, tuple(rules), test)

    def binaries(self) -> None:
        """An exception to a default: `if conjunction: a else: b`."""
        problem, effort = self.problem, self.effort
        _meta, train, test, costs = problem.literals()
        pairs = bits.unions(problem.right, problem.full, effort.pairs)
        n = problem.test.shape[1]
        for i, j in pairs.tolist():
            for a, b in ((i, j), (j, i)):
                if self.meter.empty:
                    return
                never = problem.full & ~problem.right[a]
                must = problem.full & ~problem.right[b]
                if not must.any() or not never.any():
                    continue
                base = problem.action_costs[a] + problem.action_costs[b] + RULE_COST
                items, prices = bits.conjunctions(train, costs, must, never, effort.keep, effort.width)
                self.meter.spend(train.size // 400 + 20)
                for item, price in zip(items, prices.tolist(), strict=True):
                    hold = bits.unpack(bits.conjoin(test, item, _ones(n)), n)
                    values = np.where(hold, problem.values[a], problem.values[b])
                    conditions = tuple(problem.condition(int(k)) for k in item if k >= 0)
                    rules: Rules = ((conditions, problem.actions[a]), ((), problem.actions[b]))
                    self.add(base + int(price), rules, values)

    def lists(self) -> None:
        """A default and up to a few classes of exceptions, each a disjunction of conjunctions."""
        problem, effort = self.problem, self.effort
        right = bits.counts(problem.right, problem.full)
        order = sorted(range(len(problem.actions)), key=lambda k: (-int(right[k]), problem.action_costs[k]))
        for default in order[:3]:
            if self.meter.empty:
                return
            rest = problem.full & ~problem.right[default]
            classes: list[tuple[int, NDArray[Any]]] = []
            while rest.any() and len(classes) < effort.classes:
                hits = bits.counts(problem.right, rest)
                best = min(range(len(hits)), key=lambda k: -int(hits[k]) * 100 // (30 + problem.action_costs[k] // 20))
                if hits[best] == 0:
                    break
                classes.append((best, rest & problem.right[best]))
                rest = rest & ~problem.right[best]
            if rest.any():
                continue
            before = len(self.found)
            self._list(default, classes)
            if len(classes) > 1 and len(self.found) == before:
                self._list(default, classes[::-1])

    def partials(self, limit: int) -> list[tuple[int, Rules]]:
        """First stages towards the target: rules that get part of the changed rows right and spoil none.

        Each keeps the row's own value by default; rows the rule may get wrong for now are those that another
        action has to change anyway. Cheapest first.
        """
        problem = self.problem
        own = [k for k, action in enumerate(problem.actions) if action == ("copy", problem.features[problem.own].name)]
        if not own:
            return []
        _meta, train, _test, costs = problem.literals()
        rest = problem.full & ~problem.right[own[0]]
        result: list[tuple[int, Rules]] = []
        taken = np.zeros_like(rest)
        hits = bits.counts(problem.right, rest)
        order = sorted(range(len(hits)), key=lambda k: (-int(hits[k]) * 100 // (30 + problem.action_costs[k] // 20), k))
        for action in order[: 2 * self.effort.classes]:
            must = rest & problem.right[action] & ~taken
            if self.meter.empty or not must.any():
                break
            taken = taken | must
            never = problem.full & ~problem.right[action] & ~rest
            items, prices = bits.conjunctions(train, costs, must, never, 2, self.effort.width)
            self.meter.spend(train.size // 400 + 20)
            found = [(int(price), item) for item, price in zip(items, prices.tolist(), strict=True)]
            never = problem.full & ~problem.right[action]
            first, second, covered = bits.widest(train, costs, must, never, 120)
            self.meter.spend(train.size // 20 + 20)
            if covered:
                price = int(costs[first]) + (int(costs[second]) if second >= 0 else 0)
                found.append((price + 200, np.array([first, second], np.int32)))
            for price, item in found:
                conditions = tuple(problem.condition(int(k)) for k in item if k >= 0)
                rules: Rules = ((conditions, problem.actions[action]), ((), problem.actions[own[0]]))
                result.append((price + problem.action_costs[action] + RULE_COST, rules))
        result.sort(key=lambda entry: entry[0])
        return result[:limit]

    def _list(self, default: int, classes: list[tuple[int, NDArray[Any]]]) -> None:
        problem = self.problem
        _meta, _train, test, _costs = problem.literals()
        n = problem.test.shape[1]
        variants: list[list[tuple[int, list[NDArray[Any]]]]] = []
        handled = np.zeros_like(problem.full)
        for action, must in classes:
            never = problem.full & ~problem.right[action] & ~handled
            covers = self._cover(must, never)
            if not covers:
                return
            variants.append(covers)
            handled = handled | must
        chosen = [covers[0] for covers in variants]
        combos = [chosen]
        for index, covers in enumerate(variants):
            combos += [[*chosen[:index], other, *chosen[index + 1 :]] for other in covers[1:4]]
        for combo in combos:
            cost = problem.action_costs[default]
            values = problem.values[default].copy()
            rules: list[tuple[tuple[Condition, ...], Action]] = []
            free = np.ones(n, np.bool_)
            for (action, _must), (price, terms) in zip(classes, combo, strict=True):
                cost += price + problem.action_costs[action] + RULE_COST
                for items in terms:
                    hold = bits.unpack(bits.conjoin(test, items, _ones(n)), n) & free
                    values = np.where(hold, problem.values[action], values)
                    free &= ~hold
                    rules.append((tuple(problem.condition(int(k)) for k in items if k >= 0), problem.actions[action]))
            rules.append(((), problem.actions[default]))
            if self._consistent(tuple(rules)):
                self.add(cost, tuple(rules), values)

    def _consistent(self, rules: Rules) -> bool:
        problem = self.problem
        answer = apply_rules(rules, problem.train, problem.index, problem.own)
        return problem.accepts(answer)

    def _cover(self, must: NDArray[Any], never: NDArray[Any]) -> list[tuple[int, list[NDArray[Any]]]]:
        """Disjunctions that cover `must` and avoid `never`: (price, terms), cheapest first."""
        problem, effort = self.problem, self.effort
        _meta, train, _test, costs = problem.literals()
        items, prices = bits.conjunctions(train, costs, must, never, effort.keep, effort.width)
        self.meter.spend(train.size // 400 + 20)
        if len(items):
            return [(int(price), [item]) for item, price in zip(items, prices.tolist(), strict=True)]
        terms: list[NDArray[Any]] = []
        total = 0
        rest = must
        for _ in range(effort.terms):
            self.meter.spend(train.size // 20 + 20)
            first, second, covered = bits.widest(train, costs, rest, never, 120)
            if covered == 0:
                return []
            item = np.array([first, second], np.int32)
            terms.append(item)
            total += int(costs[first]) + (int(costs[second]) + 60 if second >= 0 else 0) + 2 * RULE_COST
            rest = rest & ~bits.conjoin(train, item, problem.full)
            if not rest.any():
                return [(total, terms)]
        return []


def _ones(n: int) -> NDArray[Any]:
    return np.full((n + 63) // 64, np.iinfo(np.uint64).max, np.uint64)


def learn(
    features: Sequence[Feature],
    train: NDArray[np.int8],
    test: NDArray[np.int8],
    target: NDArray[np.int8],
    meter: Meter,
    effort: Effort | None = None,
    own: int = 0,
) -> list[Hypothesis]:
    """Decision lists for `target` over the training columns, with their answers on the test columns."""
    if train.shape[1] == 0 or meter.empty:
        return []
    return Learner(Problem(features, train, test, target, own), meter, effort or Effort()).run()
