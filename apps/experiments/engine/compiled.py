"""Compiled functions: one declared signature each, kept on disk under a name that says what they were made of.

numba specialises a function for every combination of argument types it meets, constants included, and keeps the results
by file and line. A `Kernel` has the one signature its decorator declares: it is compiled once, at its first use or by
`apps.experiments.engine.prepare`, and kept by a digest of its own code, of every value and kernel it uses and of the
machine. So an edited kernel and its callers are compiled anew, and nothing else is.
"""

from __future__ import annotations

import contextlib
import dis
import hashlib
import pickle
import platform
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import cgutils, serialize, types
from numba.core.compiler import CompileResult
from numba.core.registry import CPUDispatcher, cpu_target
from numba.extending import intrinsic

from apps.experiments.engine import kept

_OPTIONS = {"nopython": True, "boundscheck": None, "error_model": "numpy", "no_cfunc_wrapper": True}

KERNELS: list[Kernel] = []
"""Every kernel of the modules imported so far."""


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A function compiled for the signature it declares. Kernels that are not an `entry` can be called by kernels only."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], entry: bool) -> None:
        super().__init__(function, {}, {**_OPTIONS, "no_cpython_wrapper": not entry})
        self.arguments, self.entry = arguments, entry
        self._cache = _Kept(self)
        KERNELS.append(self)

    @property
    def name(self) -> str:
        """Module and function."""
        return f"{self.py_func.__module__}.{self.py_func.__qualname__}"

    @cached_property
    def uses(self) -> tuple[tuple[str, Any], ...]:
        """What its code refers to by name, in order: kernels, constants, types."""
        found = {}
        for name in _names(self.py_func.__code__):
            if name in self.py_func.__globals__:
                found[name] = self.py_func.__globals__[name]
        return tuple(sorted(found.items()))

    @property
    def calls(self) -> list[Kernel]:
        """The kernels it calls."""
        return [value for _, value in self.uses if isinstance(value, Kernel)]

    @cached_property
    def digest(self) -> str:
        """Tells its machine code from that of any other source, signature, version or processor."""
        seen = hashlib.sha256(_surroundings())
        seen.update(repr((self.name, self.arguments, self.entry)).encode())
        seen.update(repr(_written(self.py_func.__code__, self.py_func.__doc__)).encode())
        for name, value in self.uses:
            seen.update(f"{name}={_described(name, value)};".encode())
        return seen.hexdigest()[:24]

    @property
    def path(self) -> Path:
        """The file its machine code is kept in."""
        return kept.folder() / f"{self.name.rpartition('engine.')[2]}-{self.digest}.bin"

    def address(self, signature: Any) -> int:
        """Where its machine code stands in this process, for `calling(signature)`."""
        self.seal()
        result = self.overloads[self.arguments]
        if result.signature != signature:
            raise TypeError(f"{self.name} is {result.signature}, not {signature}.")
        address: int = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        return address

    def seal(self) -> None:
        """Load or compile the declared signature; there will be no other."""
        if not self.overloads:
            self.compile(self.arguments)
            self.disable_compile()

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What a kernel that calls this one needs to know: the declared signature, whatever it calls with."""
        self.seal()
        return super().get_call_template(args, kws)

    def add_overload(self, result: CompileResult) -> None:
        """Without an entry for Python there is nothing it could call."""
        if self.entry:
            super().add_overload(result)
        else:
            self.overloads[tuple(result.signature.args)] = result

    def _compile_for_args(self, *_args: Any, **_kws: Any) -> Any:
        """Called by Python, the first time: have the code, then choose as always."""
        if not self.entry:
            raise TypeError(
                f"{self.name} is called by kernels only; declare it with entry=True to call it from Python."
            )
        self._compilation_chain_init_hook()
        self.seal()
        return self


def kernel(*arguments: Any, entry: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Compile the decorated function for these argument types; `entry` lets Python call it."""

    def declare(function: Callable[..., Any]) -> Kernel:
        return Kernel(function, arguments, entry)

    return declare


def calling(signature: Any) -> Any:
    """A function for kernels: calls the kernel of that signature whose `address` is its first argument.

    The caller holds no code of what it calls, and need not be compiled anew with it.
    """
    wanted = tuple(signature.args)

    def call(_typing: Any, _address: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, declared: Any, values: Any) -> Any:
            given = cgutils.unpack_tuple(builder, values[1])
            cast = [
                context.cast(builder, value, source, target)
                for value, source, target in zip(given, declared.args[1].types, wanted, strict=True)
            ]
            kind = context.call_conv.get_function_type(signature.return_type, wanted)
            pointer = builder.inttoptr(values[0], kind.as_pointer())
            status, result = context.call_conv.call_function(builder, pointer, signature.return_type, wanted, cast)
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return signature.return_type(types.int64, types.StarArgTuple.from_types(arguments)), generate

    gate = intrinsic(call)
    gate.signature = signature
    return gate


class _Kept:
    """What numba asks of a cache, for one kernel with one signature."""

    def __init__(self, one: Kernel) -> None:
        self._kernel = one

    @property
    def cache_path(self) -> str:
        return str(kept.folder())

    def load_overload(self, _signature: Any, context: Any) -> CompileResult | None:
        """From disk; None where it is not there, or not readable."""
        context.refresh()
        with contextlib.suppress(OSError, EOFError, ValueError, pickle.UnpicklingError):
            return CompileResult._rebuild(context, *pickle.loads(self._kernel.path.read_bytes()))  # noqa: S301 - our own file
        return None

    def save_overload(self, _signature: Any, result: CompileResult) -> None:
        """To disk, whole or not at all; where nothing can be written it stays in memory."""
        if result.library.has_dynamic_globals:
            raise TypeError(f"{self._kernel.name} uses values that cannot be kept on disk.")
        with contextlib.suppress(OSError):
            kept.write(self._kernel.path, serialize.dumps(result._reduce()))


def _names(code: CodeType) -> Iterator[str]:
    yield from (step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _written(code: CodeType, about: str | None = None) -> tuple[Any, ...]:
    """What a function says, without where it stands and what is said about it."""
    constants = [one for one in code.co_consts if about is None or one != about]
    inner = tuple(_written(one) if isinstance(one, CodeType) else (type(one).__name__, one) for one in constants)
    return code.co_code, inner, code.co_names, code.co_varnames


def _described(name: str, value: Any) -> str:
    if isinstance(value, Kernel):
        return value.digest
    if isinstance(value, ModuleType):
        if value is not np:
            raise TypeError(f"A kernel may use names and numpy, not the module {name}: changes in it would go unseen.")
        return value.__name__
    if isinstance(value, bool | int | float | str | tuple):
        return repr(value)
    if hasattr(value, "signature"):
        return repr(value.signature)
    raise TypeError(f"A kernel cannot use {name} of type {type(value).__name__}.")


def _surroundings() -> bytes:
    """This module and all that machine code depends on beside its source."""
    versions = (numba.__version__, llvmlite.__version__, np.__version__, platform.python_version())
    machine = cpu_target.target_context.codegen().magic_tuple()
    options = (str(numba.config.OPT), numba.config.LOOP_VECTORIZE, numba.config.SLP_VECTORIZE, sorted(_OPTIONS.items()))
    return Path(__file__).read_bytes() + repr((versions, machine, options)).encode()
