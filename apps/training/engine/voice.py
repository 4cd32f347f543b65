"""How a run speaks and is spoken to: what the process of a job is given, as a protocol, and one that only remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol


class Voice(Protocol):
    """A job's report."""

    def __call__(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Say something."""

    def checkpoint(self, *, step: int = 0, **more: Any) -> int:
        """Tell of a checkpoint; returns its number."""

    def asked(self, *, wait: float = 0.0) -> str:
        """What is asked of the run."""

    def stop(self) -> NoReturn:
        """End here."""


class Ended(BaseException):
    """The run was asked to stop and did."""


class Memory:
    """Remembers what was said, for notebooks, benchmarks and tests. `asks` holds what to ask at which step."""

    def __init__(self, asks: Mapping[int, str] | None = None) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.checkpoints: list[dict[str, Any]] = []
        self._asks = dict(asks or {})
        self._calls = 0

    def __call__(self, kind: str, payload: Mapping[str, Any]) -> None:
        self.said.append((kind, dict(payload)))

    def checkpoint(self, *, step: int = 0, **more: Any) -> int:
        self.checkpoints.append({"step": step, **more})
        return len(self.checkpoints)

    def asked(self, *, wait: float = 0.0) -> str:
        self._calls += 1
        return self._asks.get(self._calls, "")

    def stop(self) -> NoReturn:
        raise Ended

    def curve(self, key: str) -> dict[int, float]:
        """The points of a metric by step."""
        return {said["step"]: said[key] for kind, said in self.said if kind == "metrics" and key in said}

    def known(self) -> list[tuple[str, int]]:
        """Hashes and steps of the checkpoints, newest first."""
        return [(kept["artefact"], kept["step"]) for kept in reversed(self.checkpoints)]
