"""From the columns of a file to an example: instruction, input and output, or a conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from apps.training.engine.faults import Unusable, shown
from apps.training.engine.text_files import value_of

Shape = Literal["instruction", "chat"]
ROLES: Mapping[str, str] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
}
_SAID = {
    "instruction": ("instruction", "prompt", "question", "query", "problem", "task", "user"),
    "input": ("input", "context", "passage"),
    "output": ("output", "response", "completion", "answer", "target", "solution", "label", "assistant"),
    "system": ("system", "system_prompt"),
    "messages": ("messages", "conversations", "conversation", "chat", "dialog", "dialogue"),
}
MAX_MESSAGES = 2_000


@dataclass(frozen=True)
class Mapped:
    """Which column is what. Of a conversation `messages` alone counts; of an instruction `input` and `system` may be nothing."""

    shape: Shape
    instruction: str = ""
    input: str = ""
    output: str = ""
    system: str = ""
    messages: str = ""

    def told(self) -> dict[str, str]:
        """As JSON, without what is nothing."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def columns(self) -> frozenset[str]:
        """Those that are read."""
        return frozenset(value for name, value in self.told().items() if name != "shape")

    def example(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The example that a row is; `Unusable` says what it lacks."""
        if self.shape == "chat":
            return {"messages": messages(_column(values, self.messages), self.messages)}
        asked = text(values, self.instruction)
        added = text(values, self.input, optional=True) if self.input else ""
        answer = text(values, self.output)
        system = text(values, self.system, optional=True) if self.system else ""
        if not system:
            return {"instruction": asked, "input": added, "output": answer}
        turns = [
            ("system", system),
            ("user", "\n\n".join(part for part in (asked, added) if part)),
            ("assistant", answer),
        ]
        return {"messages": [{"role": role, "content": content} for role, content in turns]}


def mapped(said: Mapping[str, Any], columns: Sequence[str]) -> Mapped:
    """A mapping somebody chose, checked against the columns there are; `Unusable` names the field."""
    shape = said.get("shape")
    if shape not in ("instruction", "chat"):
        raise Unusable("mapping", "the shape is instruction or chat", field="shape")
    names = ("messages",) if shape == "chat" else ("instruction", "input", "output", "system")
    chosen = {name: str(said.get(name) or "") for name in names}
    for name in ("messages",) if shape == "chat" else ("instruction", "output"):
        if not chosen[name]:
            raise Unusable("mapping", f"say which column holds the {name}", field=name)
    for name, column in chosen.items():
        if column and column not in columns:
            raise Unusable("mapping", f"there is no column {shown(column)}", field=name)
        if column and list(chosen.values()).count(column) > 1:
            raise Unusable("mapping", f"the column {shown(column)} is used twice", field=name)
    return Mapped(shape=shape, **chosen)


def guessed(columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> Mapped | None:
    """What the names of the columns say, where they say enough."""
    lowered = {column.lower().strip(): column for column in reversed(columns)}

    def named(part: str) -> str:
        return next((lowered[name] for name in _SAID[part] if name in lowered), "")

    if (turns := named("messages")) and all(_is_conversation(row.get(turns)) for row in sample):
        return Mapped("chat", messages=turns)
    asked, answer, added = named("instruction"), named("output"), named("input")
    if not asked and added:
        asked, added = added, ""
    if not asked or not answer or asked == answer:
        return None
    return Mapped("instruction", instruction=asked, input=added, output=answer, system=named("system"))


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip()[:1] == "[")


def _column(values: Mapping[str, Any], column: str) -> Any:
    if column not in values:
        raise Unusable("missing", "missing", field=column)
    return values[column]


def text(values: Mapping[str, Any], column: str, *, optional: bool = False) -> str:
    """A column as text; numbers as they are written."""
    value = values.get(column) if optional else _column(values, column)
    return plain(value, column, optional=optional)


def plain(value: Any, field: str, *, optional: bool = False) -> str:
    """A value as text that can be kept and learnt from."""
    if value is None:
        found = ""
    elif isinstance(value, str):
        found = value
    elif isinstance(value, bool | int | float):
        found = json.dumps(value)
    elif isinstance(value, list | dict | tuple | bytes):
        kinds = {list: "a list", dict: "an object", bytes: "bytes"}
        raise Unusable("not_text", f"{kinds.get(type(value), 'a list')}, not text", field=field)
    else:
        found = str(value)
    if "\x00" in found:
        raise Unusable("nul", "holds a NUL character; take it out", field=field)
    if not optional and not found.strip():
        raise Unusable("empty", "empty; every example needs it", field=field)
    try:
        found.encode()
    except UnicodeEncodeError:
        raise Unusable("encoding", "holds half of a character (a lone surrogate); take it out", field=field) from None
    return found


def messages(value: Any, field: str) -> list[dict[str, str]]:
    """A conversation as `role` and `content`; ShareGPT's `from` and `value` are understood."""
    if isinstance(value, str):
        try:
            value = value_of(value)
        except ValueError:
            raise Unusable("not_messages", "not a list of messages", field=field) from None
    if not isinstance(value, list):
        raise Unusable("not_messages", "not a list of messages", field=field)
    if len(value) > MAX_MESSAGES:
        raise Unusable("not_messages", f"{len(value):,} messages; at most {MAX_MESSAGES:,}", field=field)
    found = [_message(one, f"{field}[{number}]") for number, one in enumerate(value)]
    roles = [one["role"] for one in found]
    if "assistant" not in roles:
        raise Unusable("no_answer", "no message of the assistant: there is nothing to learn", field=field)
    if "system" in roles[1:]:
        raise Unusable(
            "roles", "a system message stands first or nowhere", field=f"{field}[{roles.index('system', 1)}]"
        )
    if roles[0] == "assistant" or roles[:2] == ["system", "assistant"]:
        raise Unusable("roles", "the assistant speaks before the user", field=field)
    return found


def _message(value: Any, field: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise Unusable("not_messages", "not a message with role and content", field=field)
    role = value.get("role", value.get("from"))
    if not isinstance(role, str) or role.lower() not in ROLES:
        known = "system, user or assistant"
        raise Unusable("roles", f"the role is {known}, not {shown(role)}", field=f"{field}.role")
    if value.get("weight") == 0:
        raise Unusable(
            "weight", "a weight of 0 is not known here; leave the message's answer out", field=f"{field}.weight"
        )
    content = value.get("content", value.get("value"))
    return {"role": ROLES[role.lower()], "content": plain(content, f"{field}.content")}
