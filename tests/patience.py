"""How long tests wait, in one place.

What must come is waited for so long that only a fault is late, however busy the machine is: no test passes or fails by
the speed of the machine. What must not come is listened for briefly; a busy machine makes such a test weaker, not wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 90.0
BRIEFLY = 0.3


def until(condition: Callable[[], object], what: str = "it did not happen") -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


async def until_async(condition: Callable[[], object], what: str = "it did not happen") -> None:
    """Wait until the condition holds, while others go on."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)
