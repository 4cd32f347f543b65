"""What use costs: a table of prices with a version, and the arithmetic. The version is kept with each figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECONDS_PER_HOUR = 3600.0
PER_TOKENS = 1_000_000.0
ANY = "*"
"""The price of whatever has none of its own."""


class BadPrices(ValueError):
    """A table that cannot be used; `field` names where."""

    def __init__(self, where: str, reason: str) -> None:
        self.field = where
        super().__init__(f"{where}: {reason}")


@dataclass(frozen=True)
class TokenPrice:
    """Dollars a million tokens, in and out."""

    prompt: float
    completion: float


@dataclass(frozen=True)
class PriceTable:
    """Dollars: a core-hour; a machine-hour by kind of machine; a GPU-hour by kind of GPU; tokens by model; a call by kind."""

    version: int
    core_hour: float = 0.0
    machine_hour: Mapping[str, float] = field(default_factory=dict)
    gpu_hour: Mapping[str, float] = field(default_factory=dict)
    tokens: Mapping[str, TokenPrice] = field(default_factory=dict)
    calls: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The form it is stored and edited in, without the version."""
        return {
            "core_hour": self.core_hour,
            "machine_hour": dict(self.machine_hour),
            "gpu_hour": dict(self.gpu_hour),
            "tokens": {name: {"prompt": one.prompt, "completion": one.completion} for name, one in self.tokens.items()},
            "calls": dict(self.calls),
        }


def read_prices(data: Any, *, version: int) -> PriceTable:
    """A table from its JSON; `BadPrices` names the field."""
    if not isinstance(data, Mapping):
        raise BadPrices("prices", "write an object with core_hour, machine_hour, gpu_hour, tokens and calls")
    known = {"core_hour", "machine_hour", "gpu_hour", "tokens", "calls"}
    unknown = sorted(set(map(str, data)) - known)
    if unknown:
        raise BadPrices(unknown[0], f"there is no such price; there are {', '.join(sorted(known))}")
    tokens = {}
    for name, row in _object(data, "tokens").items():
        if not isinstance(row, Mapping) or set(row) != {"prompt", "completion"}:
            raise BadPrices(f"tokens.{name}", 'write dollars a million tokens as {"prompt": 0.5, "completion": 1.5}')
        tokens[name] = TokenPrice(*(_dollars(row[part], f"tokens.{name}.{part}") for part in ("prompt", "completion")))
    return PriceTable(
        version=version,
        core_hour=_dollars(data.get("core_hour", 0.0), "core_hour"),
        machine_hour=_amounts(data, "machine_hour"),
        gpu_hour=_amounts(data, "gpu_hour"),
        tokens=tokens,
        calls=_amounts(data, "calls"),
    )


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, Mapping):
        raise BadPrices(name, f'write an object, with "{ANY}" for all others')
    return {str(key): value for key, value in found.items()}


def _amounts(data: Mapping[str, Any], name: str) -> dict[str, float]:
    return {key: _dollars(value, f"{name}.{key}") for key, value in _object(data, name).items()}


def _dollars(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadPrices(where, "write dollars as a number")
    if value < 0:
        raise BadPrices(where, "a price is 0 or more")
    return float(value)


@dataclass(frozen=True)
class Use:
    """What was used of what has a price."""

    core_seconds: float = 0.0
    wall_seconds: float = 0.0
    machine: str | None = None
    gpus: Mapping[str, float] = field(default_factory=dict)
    """GPU-seconds by kind."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str | None = None
    calls: Mapping[str, int] = field(default_factory=dict)


def cost(use: Use, table: PriceTable) -> float:
    """Dollars. A machine that is paid by the hour has its cores paid with it."""
    dollars = 0.0
    machine = _price(table.machine_hour, use.machine) if use.machine is not None else None
    if machine is not None:
        dollars += use.wall_seconds / SECONDS_PER_HOUR * machine
    else:
        dollars += use.core_seconds / SECONDS_PER_HOUR * table.core_hour
    for kind, seconds in use.gpus.items():
        dollars += seconds / SECONDS_PER_HOUR * (_price(table.gpu_hour, kind) or 0.0)
    tokens = table.tokens.get(use.model or ANY) or table.tokens.get(ANY)
    if tokens is not None:
        dollars += (use.prompt_tokens * tokens.prompt + use.completion_tokens * tokens.completion) / PER_TOKENS
    for kind, count in use.calls.items():
        dollars += count * (_price(table.calls, kind) or 0.0)
    return dollars


def _price(prices: Mapping[str, float], name: str) -> float | None:
    return prices.get(name, prices.get(ANY))
