"""The registered strategies as pages, programs and services see them: titles, schemas, checked configs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from apps.experiments.engine import registry
from apps.experiments.engine.strategy import Strategy


@dataclass(frozen=True)
class Problem:
    """Something that cannot be used as it is: which field, and what to do about it."""

    field: str
    message: str


@dataclass(frozen=True)
class StrategyInfo:
    """A strategy that can be chosen."""

    name: str
    title: str
    summary: str
    version: str
    config_schema: dict[str, Any]


def describe(strategy: Strategy) -> StrategyInfo:
    """What there is to know about a strategy before running it."""
    return StrategyInfo(
        name=strategy.name,
        title=strategy.title,
        summary=strategy.summary,
        version=strategy.version,
        config_schema=strategy.Config.model_json_schema(),
    )


def available() -> list[StrategyInfo]:
    """Every registered strategy, by name."""
    return [describe(registry.get(name)) for name in registry.names()]


def title_of(name: str) -> str:
    """The title of a strategy; the name itself for one that is no longer registered."""
    try:
        return registry.get(name).title
    except registry.UnknownStrategy:
        return name


def current_version(name: str) -> str | None:
    """The version a run begun now would have; null for one that is no longer registered."""
    try:
        return registry.get(name).version
    except registry.UnknownStrategy:
        return None


_PLAIN: dict[str, str] = {
    "greater_than_equal": "Write {ge} or more.",
    "greater_than": "Write more than {gt}.",
    "less_than_equal": "Write {le} or less.",
    "less_than": "Write less than {lt}.",
    "int_parsing": "Write a whole number.",
    "int_type": "Write a whole number.",
    "int_from_float": "Write a whole number.",
    "float_parsing": "Write a number.",
    "float_type": "Write a number.",
    "finite_number": "Write a number.",
    "bool_parsing": "Say true or false.",
    "bool_type": "Say true or false.",
    "string_type": "Write text.",
    "string_too_short": "Write something here.",
    "string_too_long": "Keep to {max_length} characters.",
    "literal_error": "Choose {expected}.",
    "enum": "Choose {expected}.",
    "extra_forbidden": "There is no such option; leave it out.",
    "missing": "This is needed.",
    "too_long": "Keep to {max_length}.",
    "too_short": "Name at least {min_length}.",
}
"""What a person is told of each kind of error; limits are pydantic's."""


def _plain(item: Any) -> str:
    said = _PLAIN.get(item["type"])
    limits = {name: f"{value:,g}" if isinstance(value, float) else value for name, value in item.get("ctx", {}).items()}
    message = said.format(**limits) if said else str(item["msg"]).removeprefix("Value error, ")
    return message[0].upper() + message[1:] + ("" if message.endswith(".") else ".")


def words(error: ValidationError, prefix: str) -> list[Problem]:
    """Pydantic's complaints in plain words, each with the full name of its field."""
    return [
        Problem(".".join([prefix, *(str(part) for part in item["loc"])]).strip("."), _plain(item))
        for item in error.errors(include_url=False, include_input=False)
    ]


def check_configs(configs: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Each strategy's config, complete with its defaults, and what is wrong with those that cannot be used."""
    checked: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for name in sorted(configs):
        try:
            strategy = registry.get(name)
        except registry.UnknownStrategy as error:
            problems.append(Problem(f"strategy_configs.{name}", str(error)))
            continue
        try:
            checked[name] = strategy.Config.model_validate(configs[name]).model_dump(mode="json")
        except ValidationError as error:
            problems.extend(words(error, f"strategy_configs.{name}"))
    return checked, problems


def versioned(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The configs as a run freezes them: `{name: {version, config}}`."""
    return {name: {"version": registry.get(name).version, "config": dict(config)} for name, config in configs.items()}
