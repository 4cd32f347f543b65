"""Everybody who listens to this process: how many streams a member has open, and who has to leave.

One thread asks about all of them at once, every few seconds, in three statements however many they are; so a revoked
key, a new password or a deactivated account ends its streams soon. It is there only while somebody listens.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from apps.core.accounts import Admission, those_that_hold
from apps.core.errors import Throttled

logger = logging.getLogger(__name__)
RECHECK_SECONDS = 3.0


class Listener:
    """One open stream. `dismissed` is set, on its event loop, once what let it in holds no more."""

    def __init__(self, admission: Admission, loop: asyncio.AbstractEventLoop) -> None:
        self.admission = admission
        self.dismissed = asyncio.Event()
        self._loop = loop

    def dismiss(self) -> None:
        """From any thread."""
        try:
            self._loop.call_soon_threadsafe(self.dismissed.set)
        except RuntimeError:  # the loop is closed: the stream is gone
            logger.debug("A stream was gone before it could be told to leave.")


class Listeners:
    """All streams of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Listener] = set()
        self._of_member: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._changed = threading.Event()

    @contextmanager
    def join(self, admission: Admission) -> Iterator[Listener]:
        """Be one of them; `Throttled` for a member who has as many streams open as one may."""
        listener = Listener(admission, asyncio.get_running_loop())
        with self._lock:
            self.check_room(admission.user_id)
            self._open.add(listener)
            self._of_member[admission.user_id] += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="live-listeners", daemon=True)
                self._thread.start()
        try:
            yield listener
        finally:
            with self._lock:
                self._open.discard(listener)
                self._of_member[admission.user_id] -= 1
                self._of_member += Counter()  # forget those with none
                if not self._open:
                    self._changed.set()

    def check_room(self, user_id: str) -> None:
        """`Throttled` when this member has no stream left to open in this process."""
        most = settings.CONFIG.live_streams_per_member
        if self._of_member[user_id] >= most:
            raise Throttled(
                f"You have {most} live streams open, as many as one member may. Close some pages or programs."
            )

    def _watch(self) -> None:
        """Look at all of them, again and again, until nobody is left."""
        while not self._leave():
            if not self._changed.wait(RECHECK_SECONDS):
                self._look()
            self._changed.clear()

    def _leave(self) -> bool:
        with self._lock:
            if self._open:
                return False
            self._thread = None
            return True

    def _look(self) -> None:
        with self._lock:
            present = list(self._open)
        try:
            welcome = those_that_hold({listener.admission for listener in present})
        except Exception as error:  # a database that restarts is no reason to send anybody away
            logger.warning("Who may still listen could not be checked: %s", str(error).strip())
            return
        finally:
            connection.close()
        for listener in present:
            if listener.admission not in welcome:
                listener.dismiss()


listeners = Listeners()
