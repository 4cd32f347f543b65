"""Entries for child processes that tell what they were given. Free of Django, as entries must be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def everything(arguments: dict[str, Any], _report: Any) -> dict[str, Any]:
    """All a child can see of its task: its arguments, its environment, its command line, its open files."""
    return {
        "arguments": arguments,
        "environment": dict(os.environ),
        "command": Path("/proc/self/cmdline").read_bytes().decode(errors="replace"),
        "files": [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_open(name)],
    }


def _is_open(name: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{name}")
