"""The strategies that can be run, by name. Adding one is one module and one line here or a `register` call.

Web processes load what stands here to say what a strategy is: a strategy's module imports what solving needs
(a compiler, a model) inside `solve`, `replay` and `warm`.
"""

from __future__ import annotations

from importlib import import_module

from apps.experiments.engine.strategy import Strategy

_PATHS: dict[str, str] = {
    "program_synthesis": "apps.experiments.engine.synthesis.strategy:ProgramSynthesis",
}
_KERNELS: dict[str, str] = {
    "program_synthesis": "apps.experiments.engine.synthesis.solver",
}
_loaded: dict[str, Strategy] = {}


class UnknownStrategy(LookupError):
    """No strategy of that name is registered."""


def register(name: str, path: str, *, kernels: str = "") -> None:
    """Add a strategy as `package.module:Class`; it is imported on first use.

    `kernels` is the module whose import brings in all that it compiles (`compiled.kernel`), if it compiles anything.
    """
    _PATHS[name] = path
    _loaded.pop(name, None)
    if kernels:
        _KERNELS[name] = kernels


def names() -> list[str]:
    """Registered names, sorted."""
    return sorted(_PATHS)


def path_of(name: str) -> str:
    """Where the strategy of that name stands; raises `UnknownStrategy` naming the known ones."""
    if name not in _PATHS:
        raise UnknownStrategy(f"No strategy named {name!r}. Known: {', '.join(names())}.")
    return _PATHS[name]


def load_kernels() -> None:
    """Import all that the registered strategies compile."""
    for name in names():
        if name in _KERNELS:
            import_module(_KERNELS[name])


def get(name: str) -> Strategy:
    """The strategy of that name; raises `UnknownStrategy` naming the known ones."""
    path = path_of(name)
    if name not in _loaded:
        module, _, attribute = path.partition(":")
        _loaded[name] = getattr(import_module(module), attribute)()
    return _loaded[name]
