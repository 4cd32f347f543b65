"""Keeps services: claims those its host can hold, renews their leases, stops what is idle or no longer wanted.

One thread in every worker touches the database for them; each service it keeps has a thread that watches (`workers.tending`)
and a minder that ends it when the lease runs out, whatever has become of this worker.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from django.conf import settings

from apps.core import graces
from apps.core.jobs.lease import Fenced
from apps.core.models import Service
from apps.core.serving import keeping, kinds
from apps.core.serving.keeping import Ended
from apps.core.serving.room import Placed, Room
from workers import hardware
from workers.minder import now
from workers.steady import AWAY, renew_connection, writing
from workers.tending import Happened, Ready, Running, Tended

logger = logging.getLogger("terrarium.workers")

POLL_SECONDS = 1.0
TICK_SECONDS = 0.5
"""How often it looks while it keeps any."""
_WRITE_SECONDS = graces.WORKER - graces.WORK - 2.0
_SHARE = 0.8
"""Of a host's memory, unless the settings say how much its services may take."""


def room_here(meter: hardware.Meter) -> Room:
    """What this host has for services."""
    known = {name: meter.total_mb(name) for name in hardware.devices()}
    memory = settings.CONFIG.service_memory_mb or int(hardware.memory_mb() * _SHARE)
    return Room(memory, hardware.cores(), {name: size for name, size in known.items() if size is not None})


def address_here() -> str:
    """Where services of this host listen and are reached."""
    said = settings.CONFIG.service_host
    return socket.gethostbyname(socket.gethostname()) if said == "auto" else said


class Keeper:
    """Keeps the services of some queues in this process, until stopped."""

    def __init__(
        self, *, name: str, host: str, queues: Sequence[str], lease_seconds: float, meter: hardware.Meter | None = None
    ) -> None:
        self.name, self.host, self.queues, self.lease_seconds = name, host, list(queues), lease_seconds
        self._meter = meter or hardware.Meter()
        self.room = room_here(self._meter)
        self.tended: dict[tuple[str, int], Tended] = {}
        self._happened: deque[tuple[Tended, Happened]] = deque()
        self._beat_at = 0.0
        self._wake, self._stopping, self._stopped = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Start; returns at once."""
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def stop(self) -> None:
        """Claim no more and end what runs; returns at once. See `join`."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float) -> bool:
        """Wait until everything has been given back; true at once where it was never started."""
        return not self._thread.ident or self._stopped.wait(timeout)

    # --- the loop ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        steps: list[Callable[[], object]] = [self._beat, self._write_down, self._hear_wishes, self._claim]
        while not self._stopping.is_set():
            if not self._each(steps):
                self._stopping.wait(TICK_SECONDS)
            elif not self._happened:
                self._wake.wait(TICK_SECONDS if self.tended else POLL_SECONDS)
                self._wake.clear()
        self._give_back()

    def _each(self, steps: Sequence[Callable[[], object]]) -> bool:
        """Do each; one that fails keeps none of the others from its turn, least of all the leases from being renewed."""
        well = True
        for step in steps:
            try:
                step()
            except AWAY as error:
                logger.warning("services: the database does not answer: %s", str(error).strip())
                renew_connection()
                well = False
            except Exception:
                logger.exception("the keeper stumbled")
                renew_connection()
                well = False
        return well

    def _lease(self) -> float:
        """Until when a lease holds that is asked for now: a little less than the database says, for what runs must be gone
        by then."""
        return now() + self.lease_seconds - min(1.0, self.lease_seconds / 10)

    def _beat(self) -> None:
        if time.monotonic() < self._beat_at or not self.tended:
            return
        until = self._lease()
        used = {held: one.measure() for held, one in self.tended.items()}
        with writing():
            ours = keeping.renew(used, lease_seconds=self.lease_seconds)
        for held in ours:
            self.tended[held].extend(until)
        self._beat_at = time.monotonic() + self.lease_seconds / 3

    def _hear_wishes(self) -> None:
        asked = keeping.wishes({one.service.pk: one.service.token for one in self.tended.values()})
        for one in list(self.tended.values()):
            wish = asked[one.service.pk]
            if wish.ask == "fenced":
                one.stop("its lease was lost", at_once=True)
            elif wish.ask:
                self._stop(one, _REASONS[wish.ask], wish if wish.ask == "idle" else None)

    def _stop(self, one: Tended, reason: str, idle: keeping.Wish | None = None) -> None:
        """Write down that it is being stopped, then do so."""
        if one.stop_reason:
            return
        since = idle.last_used_at if idle is not None else None
        with writing():
            agreed = keeping.note_stopping(*one.held, reason=reason, unused_since=since)
        if agreed:
            one.stop(reason)

    def _claim(self) -> None:
        while not self._stopping.is_set():
            until = self._lease()
            with writing():
                service = keeping.claim(
                    keeper=self.name,
                    host=self.host,
                    boot_id=hardware.boot_id(),
                    queues=self.queues,
                    lease_seconds=self.lease_seconds,
                    fit=self._fit,
                )
            if service is None:
                return
            self._begin(service, until)

    def _fit(self, service: Service, held: Sequence[Service]) -> Placed | str:
        return self.room.place(service, held)

    def _begin(self, service: Service, lease_until: float) -> None:
        kind = kinds.find(service.kind)
        if kind is None:  # it was known when it was claimed
            raise KeyError(service.kind)
        one = Tended(
            service,
            kind,
            host=address_here(),
            logs=Path(settings.LOGS_DIR) / "services",
            lease_until=lease_until,
            meter=self._meter,
            say=self._hear,
        )
        self.tended[one.held] = one
        one.start()

    # --- what happened ----------------------------------------------------------------------------------------------

    def _hear(self, one: Tended, what: Happened) -> None:
        """Called from the service's thread."""
        self._happened.append((one, what))
        self._wake.set()

    def _write_down(self) -> None:
        """In the order in which it happened; what the database does not take stays for the next time."""
        while self._happened:
            one, what = self._happened[0]
            try:
                with writing():
                    self._write(one, what)
            except Fenced:
                logger.warning("%s run %d: fenced; what became of it is discarded", *one.held)
                one.stop("its lease was lost", at_once=True)
            self._happened.popleft()
            if isinstance(what, Ended):
                self.tended.pop(one.held, None)

    @staticmethod
    def _write(one: Tended, what: Happened) -> None:
        if isinstance(what, Running):
            keeping.note_running(
                *one.held, pid=what.pid, address=what.address, port=what.port, socket=what.socket, secret=what.secret
            )
        elif isinstance(what, Ready):
            if not one.stop_reason:
                keeping.note_ready(*one.held)
        else:
            keeping.settle(*one.held, what)

    def _give_back(self) -> None:
        """Stop: what runs ends within its grace, and another worker may start it again."""
        held = list(self.tended.values())
        until = time.monotonic() + _WRITE_SECONDS + max((one.kind.grace_seconds for one in held), default=0.0)
        for one in held:
            self._each([partial(self._stop, one, "its worker stops")])
            one.stop("its worker stops")
        while self.tended and time.monotonic() < until:
            self._each([self._beat, self._write_down])
            if not self._happened:
                self._wake.wait(0.2)
                self._wake.clear()
        for one in self.tended.values():
            one.stop("its worker stops", at_once=True)
            one.gone.wait(1.0)
        renew_connection()
        self._stopped.set()


_REASONS = {"unwanted": "no longer wanted", "restart": "started anew", "idle": "idle"}
