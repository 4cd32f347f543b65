"""What is wrong with a file that was sent: where, in which field, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEPT = 200
"""So many faults are told one by one; the rest is counted."""

ENOUGH = 10_000
"""After so many nobody reads on."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `line` is counted from 1 (0: the file as a whole), `field` is the column's name."""

    code: str
    words: str
    line: int = 0
    field: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"line": self.line, "field": self.field, "code": self.code, "words": self.words}

    def sentence(self, unit: str = "Line") -> str:
        """For people: where, then what."""
        where = [f"{unit} {self.line:,}"] if self.line else []
        if self.field:
            where.append(f"field {shown(self.field)}")
        return f"{', '.join(where)}: {self.words}" if where else self.words[:1].upper() + self.words[1:]


class Unreadable(Exception):
    """The file cannot be read on from here."""

    def __init__(self, code: str, words: str, *, line: int = 0, field: str = "") -> None:
        super().__init__(words)
        self.fault = Fault(code, words, line, field)


class Unusable(Exception):
    """What is wrong with one example; the next may be right."""

    def __init__(self, code: str, words: str, *, field: str = "") -> None:
        super().__init__(words)
        self.code, self.words, self.field = code, words, field


@dataclass
class Faults:
    """Those found so far: the first ones whole, all counted, by code too."""

    first: list[Fault] = field(default_factory=list)
    count: int = 0
    codes: dict[str, int] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """One more; `Unreadable` when there are so many that the file must be meant differently."""
        self.count += 1
        self.codes[fault.code] = self.codes.get(fault.code, 0) + 1
        if len(self.first) < KEPT:
            self.first.append(fault)
        if self.count >= ENOUGH:
            raise Unreadable("too_many_faults", f"more than {ENOUGH:,} examples have faults; the rest was not read")

    def told(self) -> Mapping[str, Any]:
        """As JSON."""
        return {
            "faults": [fault.told() for fault in self.first],
            "fault_count": self.count,
            "fault_codes": dict(sorted(self.codes.items())),
        }


def shown(text: object, limit: int = 60) -> str:
    """Something a stranger wrote, printable and short, in quotes."""
    plain = "".join(one if one.isprintable() else "�" for one in str(text)[: limit + 1])
    return f"“{plain[:limit]}…”" if len(plain) > limit else f"“{plain}”"
