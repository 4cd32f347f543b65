"""What apps look after from time to time, registered in `AppConfig.ready`; a thread of every worker calls it.

Each may run in any number of workers at once, and at any moment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError

logger = logging.getLogger("terrarium.jobs")

Upkeep = Callable[[], int]
"""Does what there is to do; how much that was."""

_registered: dict[str, Upkeep] = {}


def register(name: str, upkeep: Upkeep) -> None:
    """Make one known, under the name that the log calls it."""
    _registered[name] = upkeep


def look_after_all() -> dict[str, int]:
    """Call each; what they did, without those that found nothing to do. One that fails keeps no other from its turn."""
    done = {}
    for name, upkeep in sorted(_registered.items()):
        try:
            found = upkeep()
        except (OperationalError, InterfaceError):
            raise  # the database's trouble is the caller's to wait for
        except Exception:
            logger.exception("looking after %s failed", name)
            continue
        if found:
            done[name] = found
    return done
