"""Where machine code that numba made is kept between processes.

For each function numba looks at the file it stands in, not at the files of those it calls, and so would go on with a
caller that holds the old code of an edited kernel. A folder named after the content of all sources rules that out.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import Any

import numba

config: Any = numba.config
_GIVEN: str = config.CACHE_DIR
_PREFIX = "compiled-"
_FORGET_SECONDS = 7 * 86_400


def keep_compiled(package: Path) -> Path:
    """Keep what numba compiles of the modules imported from here on under a name that says of which sources.

    The folder lies where `NUMBA_CACHE_DIR` says, else in the package's `__pycache__`. Where neither can be written,
    numba finds a place by itself. Folders of other sources are removed a week after they were made.
    """
    base = Path(_GIVEN) if _GIVEN else package / "__pycache__"
    folder = base / f"{_PREFIX}{_digest(package)}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        pass
    except OSError:
        return base
    else:
        _forget_others(folder)
    config.CACHE_DIR = str(folder)
    return folder


def _digest(package: Path) -> str:
    seen = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        seen.update(str(source.relative_to(package)).encode())
        seen.update(source.read_bytes())
    return seen.hexdigest()[:16]


def _forget_others(folder: Path) -> None:
    for other in folder.parent.glob(f"{_PREFIX}*"):
        if other != folder and other.stat().st_mtime < time.time() - _FORGET_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
