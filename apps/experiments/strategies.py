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


def words(error: ValidationError, prefix: str) -> list[Problem]:
    """Pydantic's complaints, each with the full name of its field."""
    problems = []
    for item in error.errors(include_url=False, include_input=False):
        field = ".".join([prefix, *(str(part) for part in item["loc"])]).strip(".")
        message = item["msg"].removeprefix("Value error, ")
        problems.append(Problem(field, message[0].upper() + message[1:] + ("" if message.endswith(".") else ".")))
    return problems


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
