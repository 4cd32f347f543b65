"""What belongs together is put together, and what contradicts itself is said: once, when everything has been read.

The order in which files came makes no difference. Equal puzzles under one id are one task; different ones are contested
and none of them is taken, though each gets a name it could have. Solutions and descriptions find their tasks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from apps.tasks.engine import names
from apps.tasks.engine.formats import TaskData, parse_task, with_known_outputs
from apps.tasks.engine.grids import parse_grid, same
from apps.tasks.engine.intake.metadata import metadata_problem
from apps.tasks.engine.intake.shelf import Apart, Head, Shelf
from apps.tasks.engine.intake.words import sentence, several, shown_id
from apps.tasks.engine.splits import EVALUATION, TEST, TRAINING

_RANK = {EVALUATION: 0, TRAINING: 1, TEST: 2, None: 3}
"""Of several splits that claim the same task. Not to learn from what is judged on is the safe side; a test set as it is
handed out repeats tasks of the others."""

_REMARKS = 20
_FIX_SOLUTIONS = "Fix the solutions or import without it."


class Contradiction(ValueError):
    """Two sources say different things of one output."""


def settle(shelf: Shelf) -> None:
    """Bring a shelf that was filled into its final form."""
    _place(shelf)
    merged = _merge(shelf)
    _solve(shelf)
    _describe(shelf)
    _name(shelf)
    _remark(shelf)
    shelf.stand(sorted((head for head in shelf.heads if id(head) not in merged), key=_order))


def _order(head: Head) -> tuple[str, str, str, int]:
    return head.dataset, head.raw_id, head.file, head.line or 0


def _place(shelf: Shelf) -> None:
    """Each task's dataset, where an export of ours says it, and its split."""
    for head in shelf.heads:
        folders = shelf.groups[head.group].folders
        head.split = shelf.group_splits[head.group]
        if shelf.manifest_at is not None and folders[: len(shelf.manifest_at)] == shelf.manifest_at:
            folder = "".join(folders[len(shelf.manifest_at) :][:1])
            head.dataset, head.version = shelf.datasets.get(folder, ("", ""))


def _merge(shelf: Shelf) -> set[int]:
    """Make one of equal tasks and contest different ones under the same id. Answers those that went into others."""
    by_id: dict[tuple[str, str], list[Head]] = defaultdict(list)
    for head in shelf.heads:
        if not head.problem:
            by_id[head.dataset, head.raw_id].append(head)
    merged: set[int] = set()
    repeats: Counter[tuple[str, str]] = Counter()
    for heads in by_id.values():
        if len(heads) == 1:
            continue
        heads.sort(key=lambda head: (_RANK[head.split], not head.has_truths, head.file, head.line or 0))
        first, *others = heads
        if any(head.puzzle != first.puzzle for head in others):
            _contest(shelf, heads, "with different content")
            continue
        try:
            _join(shelf, first, others)
        except Contradiction:
            _contest(shelf, heads, "with another output")
            continue
        merged.update(map(id, others))
        for other in others:
            repeats[_where(shelf, first), _where(shelf, other)] += 1
    for (kept, repeat), count in sorted(repeats.items()):
        if kept == repeat:
            verb = "stand" if count > 1 else "stands"
            shelf.notes.append(
                f"{several(count, 'task')} {verb} twice in {kept}, with the same content: {_one(count)}."
            )
            continue
        shelf.notes.append(
            f"{several(count, 'task')} of {repeat} {'are' if count > 1 else 'is'} also in {kept}, with the same content: "
            f"{_one(count)}, kept there."
        )
    return merged


def _one(count: int) -> str:
    return "each is one task" if count > 1 else "it is one task"


def _where(shelf: Shelf, head: Head) -> str:
    label = shelf.groups[head.group].label
    return f"{label} ({head.split})" if head.split else label


def _join(shelf: Shelf, first: Head, others: Sequence[Head]) -> None:
    """Into the first: outputs that only another one knows, and what another one says beside its grids."""
    if all(other.content == first.content and not other.has_metadata for other in others):
        return
    record = shelf.read(first.at)
    task, metadata = _task(record, first.raw_id), record["metadata"]
    for other in others:
        more = shelf.read(other.at)
        task = _with_outputs(task, _task(more, first.raw_id))
        metadata = more["metadata"] | metadata
    shelf.put(first, task, metadata)


def _task(record: dict[str, Any], raw_id: str) -> TaskData:
    columns = record["columns"]
    return parse_task({"train": columns["train_examples"], "test": columns["tests"]}, raw_id)


def _with_outputs(task: TaskData, other: TaskData) -> TaskData:
    """A task with the outputs that another of the same puzzle knows; `Contradiction` where two differ."""
    full = with_known_outputs(task, other.tests)
    again = with_known_outputs(
        TaskData(task.raw_id, task.train, tuple((grid, None) for grid, _ in task.tests)), other.tests
    )
    for (_, output), (_, elsewhere) in zip(full.tests, again.tests, strict=True):
        if elsewhere is not None and not same(output, elsewhere):
            raise Contradiction(task.raw_id)
    return full


def _contest(shelf: Shelf, heads: Sequence[Head], how: str) -> None:
    for head in heads:
        elsewhere = next(other.place for other in heads if other is not head)
        also = "it stands there twice" if elsewhere == head.place else f"it is also in {elsewhere}"
        head.problem = (
            f"Task {shown_id(head.raw_id)} in {head.place}: {also}, {how}, and nobody can say which is meant. Import "
            "them under the names proposed, or fix the files."
        )
        folders = shelf.groups[head.group].folders
        beside = {name for other in heads if other is not head for name in shelf.groups[other.group].folders}
        own = next((folder for folder in reversed(folders) if folder not in beside), "")
        head.proposed = f"{own}-{head.raw_id}" if own else head.raw_id


def _solve(shelf: Shelf) -> None:
    """Fill in the solutions; those without a task in the upload stay on the shelf: it may be in the lab."""
    by_id: dict[str, list[Apart]] = defaultdict(list)
    for one in shelf.solutions:
        by_id[one.raw_id].append(one)
    known = {head.raw_id for head in shelf.heads}
    used: set[tuple[str, str]] = set()
    for head in shelf.heads:
        if head.raw_id in by_id and not head.problem:
            _solve_one(shelf, head, by_id[head.raw_id])
            if not head.problem:
                used |= {(one.file, one.raw_id) for one in by_id[head.raw_id]}
    for file, count in sorted(Counter(file for file, _ in used).items()):
        shelf.notes.append(f"{file}: solutions to {several(count, 'task')}, put with them.")
    strays = [ones for raw_id, ones in sorted(by_id.items()) if raw_id not in known]
    shelf.solutions = []
    for first, *others in strays:
        outputs = shelf.read(first.at)
        if any(shelf.read(other.at) != outputs for other in others):
            shelf.problem(f"{_two_solutions(first.raw_id, first, others[0])} Fix one of them.")
        else:
            shelf.solutions.append(first)


def _two_solutions(raw_id: str, one: Apart, other: Apart) -> str:
    files = f"both in {one.file}" if one.file == other.file else f"in {one.file} and {other.file}"
    return f"Two solutions to task {shown_id(raw_id)} contradict each other, {files}."


def _solve_one(shelf: Shelf, head: Head, solutions: Sequence[Apart]) -> None:
    record = shelf.read(head.at)
    task = _task(record, head.raw_id)
    first = shelf.read(solutions[0].at)
    if other := next((one for one in solutions[1:] if shelf.read(one.at) != first), None):
        head.problem = f"{_two_solutions(head.raw_id, solutions[0], other)} {_FIX_SOLUTIONS}"
        head.at = (0, 0)
        return
    for solution in solutions:
        try:
            task = solved(task, shelf.read(solution.at))
        except ValueError as error:
            head.problem = (
                f"Task {shown_id(head.raw_id)}, {sentence(str(error))} Solution in {solution.file}. {_FIX_SOLUTIONS}"
            )
            head.at = (0, 0)
            return
    shelf.put(head, task, record["metadata"])


def solved(task: TaskData, outputs: Sequence[Any]) -> TaskData:
    """A task with the outputs of a solutions file; a ValueError says what does not fit or contradicts."""
    if len(outputs) != len(task.tests):
        raise ValueError(f"{len(outputs)} solutions for {len(task.tests)} test inputs")
    tests = []
    for number, ((source, known), output) in enumerate(zip(task.tests, outputs, strict=True), start=1):
        grid = None if output is None else parse_grid(output, f"solution {number}")
        if known is not None and grid is not None and not same(known, grid):
            raise Contradiction(f"solution {number}: it contradicts the output that is known already")
        tests.append((source, grid if known is None else known))
    return TaskData(raw_id=task.raw_id, train=task.train, tests=tuple(tests))


def _describe(shelf: Shelf) -> None:
    """What stood apart about a task becomes its metadata; what its own file says counts for more."""
    by_id: dict[str, list[Apart]] = defaultdict(list)
    for one in shelf.descriptions:
        by_id[one.raw_id].append(one)
    used: set[int] = set()
    for head in shelf.heads:
        if not head.at[1] or head.raw_id not in by_id:
            continue
        record = shelf.read(head.at)
        for one in by_id[head.raw_id]:
            used.add(id(one))
            metadata = shelf.read(one.at) | record["metadata"]
            if problem := metadata_problem(metadata):
                remark = f"what {one.file} says of it is left out: {problem}"
                head.remark = f"{head.remark}; {remark}" if head.remark else remark
            else:
                record["metadata"] = metadata
        shelf.put(head, _task(record, head.raw_id), record["metadata"])
    unused = Counter(one.file for one in shelf.descriptions if id(one) not in used)
    in_all = Counter(one.file for one in shelf.descriptions)
    for file, count in sorted(in_all.items()):
        if kept := count - unused[file]:
            shelf.notes.append(f"{file}: words about {several(kept, 'task')}, kept as metadata.")
    for file, count in sorted(unused.items()):
        if count == in_all[file]:
            shelf.leave_out_file(file, "no ARC task in it, nor words about one that you sent")
        else:
            shelf.notes.append(f"{file}: {several(count, 'entry', 'entries')} about tasks you did not send, left out.")
    shelf.descriptions = []


def _remark(shelf: Shelf) -> None:
    """What was made of tasks, told once a kind: who imports without a look hears of it too."""
    made: dict[str, list[str]] = defaultdict(list)
    for head in shelf.heads:
        if head.remark and not head.problem:
            made[head.remark].append(shown_id(head.raw_id))
    kinds = sorted(made.items(), key=lambda one: (-len(one[1]), one[0]))
    for remark, ids in kinds[:_REMARKS]:
        named = sorted(ids)[0] if len(ids) == 1 else f"{several(len(ids), 'task')} ({sorted(ids)[0]} and others)"
        shelf.notes.append(f"{named}: {remark}.")
    if rest := sum(len(ids) for _, ids in kinds[_REMARKS:]):
        shelf.notes.append(f"And {several(rest, 'task')} more with remarks of their own.")


def _name(shelf: Shelf) -> None:
    """A proposal for every id that cannot stand, and only such offers as nobody else has."""
    taken: dict[str, set[str]] = defaultdict(set)
    offers: Counter[tuple[str, str]] = Counter()
    for head in shelf.heads:
        taken[head.dataset].add(head.raw_id)
        offers[head.dataset, head.offer] += 1
    for head in shelf.heads:
        if head.offer and (offers[head.dataset, head.offer] > 1 or head.offer in taken[head.dataset]):
            head.offer = ""
    for head in shelf.heads:
        taken[head.dataset].add(head.offer)
    readable: Callable[[Head], bool] = lambda head: bool(head.at[1])  # noqa: E731
    for head in sorted(filter(readable, shelf.heads), key=_order):
        if head.proposed or not names.is_name(head.raw_id):
            wanted = head.proposed or head.raw_id
            head.proposed = names.proposal(wanted, taken[head.dataset])
            taken[head.dataset].add(head.proposed)
            if not head.problem:
                head.problem = (
                    f"Task {shown_id(head.raw_id)} in {head.place}: this name cannot be an id, because "
                    f"{names.name_problem(head.raw_id)}. Import it under the name proposed, {head.proposed}, or rename "
                    f"it: {names.RULE}."
                )
