"""A pytest plugin: each of the processes that test side by side has a Redis database to itself.

Tests that empty the cache would otherwise take away the counts of those in the other process. Loaded before the
settings are read: `tests.run` names it to pytest.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

DATABASES = 16
"""How many a Redis server has unless it is told otherwise."""


def own(url: str, worker: str) -> str:
    """The address of the database that belongs to the test process `gw0`, `gw1`, ..."""
    parts = urlsplit(url)
    first = int(parts.path.strip("/") or 0)
    return parts._replace(path=f"/{(first + int(worker.removeprefix('gw'))) % DATABASES}").geturl()


if (url := os.environ.get("REDIS_URL")) and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    os.environ["REDIS_URL"] = own(url, worker)
