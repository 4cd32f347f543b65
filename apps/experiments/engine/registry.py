"""The strategies that can be run, by name. Adding one is one module and one line here or a `register` call."""

from __future__ import annotations

from importlib import import_module

from apps.experiments.engine.strategy import Strategy

_PATHS: dict[str, str] = {
    "program_synthesis": "apps.experiments.engine.synthesis.strategy:ProgramSynthesis",
}
_loaded: dict[str, Strategy] = {}


class UnknownStrategy(LookupError):
    """No strategy of that name is registered."""


def register(name: str, path: str) -> None:
    """Add a strategy as `package.module:Class`; it is imported on first use."""
    _PATHS[name] = path
    _loaded.pop(name, None)


def names() -> list[str]:
    """Registered names, sorted."""
    return sorted(_PATHS)


def get(name: str) -> Strategy:
    """The strategy of that name; raises `UnknownStrategy` naming the known ones."""
    if name not in _PATHS:
        raise UnknownStrategy(f"No strategy named {name!r}. Known: {', '.join(names())}.")
    if name not in _loaded:
        module, _, attribute = _PATHS[name].partition(":")
        _loaded[name] = getattr(import_module(module), attribute)()
    return _loaded[name]
