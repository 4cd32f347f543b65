"""What an upload would do, for its owner to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from apps.tasks.content import task_data
from apps.tasks.engine.formats import TaskData
from apps.tasks.engine.intake.shelf import Head, LeftOut, Shelf
from apps.tasks.models import TaskImport
from apps.tasks.plans import EFFECTS, Decision, Incoming, Terms, Trouble, decide_all, incomings

SHOWN = 200
"""So many tasks of an effect, and problems, are shown one by one; all are counted."""


@dataclass
class GroupView:
    """Tasks that stood together, the split that was read off their place, and the one chosen for them here."""

    number: int
    label: str
    read: str
    chosen: str
    dataset: str
    count: int = 0


@dataclass(frozen=True)
class Row:
    """A task in the preview."""

    decision: Decision
    task: TaskData
    remark: str


@dataclass
class Preview:
    """See the module. `counts` has every effect; `rows` the first of each, those that touch what is here before others."""

    record: TaskImport
    terms: Terms
    counts: Counter[str] = field(default_factory=Counter)
    groups: list[GroupView] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    trouble_count: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    moves: int = 0
    proposals: list[tuple[str, str]] = field(default_factory=list)
    proposal_count: int = 0
    offers: list[tuple[str, str]] = field(default_factory=list)
    offer_count: int = 0

    @property
    def importable(self) -> int:
        """How many tasks would be gone through."""
        return sum(self.counts.values())

    @property
    def more(self) -> int:
        """How many tasks are not shown one by one."""
        return self.importable - len(self.rows)


def preview(record: TaskImport, shelf: Shelf, terms: Terms, *, shown: int = SHOWN) -> Preview:
    """Go through it as the import would, and keep what a person looks at; memory does not grow with the upload."""
    found = Preview(record, terms, left_out=shelf.left_out, notes=shelf.notes)
    for words in shelf.problems:
        _trouble(found, Trouble("", "", words), shown)
    groups: dict[int, GroupView] = {}
    first: dict[str, list[Decision]] = defaultdict(list)

    def taken() -> Any:
        for one in incomings(shelf, terms):
            head = one if isinstance(one, Head) else one.head
            if head is not None:
                _name(found, head)
            if isinstance(one, Head):
                _trouble(found, Trouble(one.raw_id, one.place, one.problem), shown)
            else:
                _count(groups, shelf, terms, one)
                yield one

    for decision in decide_all(taken(), own=record.number):
        if decision.problem:
            _trouble(found, Trouble(decision.incoming.raw_id, decision.incoming.file, decision.problem), shown)
            continue
        found.counts[decision.effect] += 1
        found.moves += decision.moves
        if len(first[decision.effect]) < shown:
            first[decision.effect].append(decision)
    found.groups = sorted(groups.values(), key=lambda group: group.label)
    chosen = [one for effect in EFFECTS for one in first[effect]][:shown]
    found.rows = [_row(one) for one in chosen]
    return found


def _trouble(found: Preview, trouble: Trouble, shown: int) -> None:
    found.trouble_count += 1
    if len(found.troubles) < shown:
        found.troubles.append(trouble)


def _name(found: Preview, head: Head) -> None:
    """Names that could be had for tasks that have none, or another one inside."""
    if not head.at[1]:
        return
    if head.proposed:
        found.proposal_count += 1
        if len(found.proposals) < 5:
            found.proposals.append((head.raw_id, head.proposed))
    if head.offer:
        found.offer_count += 1
        if len(found.offers) < 5:
            found.offers.append((head.raw_id, head.offer))


def _count(groups: dict[int, GroupView], shelf: Shelf, terms: Terms, incoming: Incoming) -> None:
    head = incoming.head
    if head is None:
        return
    group = groups.get(head.group)
    if group is None:
        group = groups[head.group] = GroupView(
            number=head.group,
            label=shelf.groups[head.group].label,
            read=shelf.group_splits[head.group] or "",
            chosen=terms.splits.get(head.group, ""),
            dataset=incoming.dataset,
        )
    group.count += 1


def _row(decision: Decision) -> Row:
    incoming = decision.incoming
    columns = decision.columns if "tests" in decision.columns else incoming.load()[0]
    if not columns and decision.row is not None:  # a solution that stands here already
        columns = {"train_examples": decision.row.train_examples, "tests": decision.row.tests}
    remark = incoming.head.remark if incoming.head is not None else ""
    return Row(decision, task_data(incoming.raw_id, columns["train_examples"], columns["tests"]), remark)
