"""Where the solver's machine code is kept, and how far its preparation is. Imports nothing that takes time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


def folder() -> Path:
    """Where machine code is kept: under `NUMBA_CACHE_DIR`, else in this package's `__pycache__`."""
    given = os.environ.get("NUMBA_CACHE_DIR", "")
    return (Path(given) if given else _HERE / "__pycache__") / "compiled"


def write(path: Path, data: bytes) -> None:
    """Put a file in place in one step, whoever else does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Progress:
    """How far the preparation is: `state` is `preparing`, `ready` or `failed`; kernels `done` of `total`.

    `percent` weighs them by how long they take. `message` says what failed. `at` is the time of writing.
    """

    state: str
    done: int
    total: int
    percent: int
    message: str = ""
    at: float = 0.0
    sources: str = ""

    def line(self) -> str:
        """For people and programs that read standard output."""
        end = f": {self.message}" if self.message else ""
        return f"{self.state} {self.done} of {self.total} ({self.percent} %){end}"


def report(progress: Progress) -> None:
    """Leave word of the progress beside the machine code; no word where nothing can be written."""
    told = {**asdict(progress), "at": time.time(), "sources": _sources()}
    with contextlib.suppress(OSError):
        write(_file(), json.dumps(told).encode())


def progress() -> Progress | None:
    """The latest word about the present sources; None if there was none yet (the solver may be ready all the same)."""
    try:
        told = Progress(**json.loads(_file().read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return told if told.sources == _sources() else None


def _file() -> Path:
    return folder() / "progress.json"


@cache
def _sources() -> str:
    """A digest of the engine's sources, so that old word is not taken for new."""
    seen = hashlib.sha256()
    for source in sorted(_HERE.rglob("*.py")):
        seen.update(str(source.relative_to(_HERE)).encode())
        seen.update(source.read_bytes())
    return seen.hexdigest()[:16]
