"""A service of a fleet, as tests speak with it."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.patience import PATIENCE
from tests.workers.fleet import Fleet, until


class Handle:
    """A service of the fleet."""

    def __init__(self, fleet: Fleet, kind: str, key: str, said: dict[str, Any] | None = None) -> None:
        self.fleet = fleet
        self._wanted = {"kind": kind, "key": key, "specification": said or {}}
        self.id = str(fleet.ask("want", **self._wanted))

    def want(self, said: dict[str, Any] | None = None) -> None:
        """Ask for it again."""
        self.fleet.ask("want", **{**self._wanted, **({"specification": said} if said is not None else {})})

    def do(self, name: str) -> None:
        """`unwant`, `restart` or `touch`."""
        self.fleet.ask("serve", name=name, service_id=self.id)

    @property
    def row(self) -> dict[str, Any]:
        """As it stands."""
        return self.fleet.ask("service", service_id=self.id)  # type: ignore[no-any-return]

    def once(self, status: str, *, after: int = 0) -> dict[str, Any]:
        """Its row once it has that status, in a run later than `after`."""
        until(lambda: (row := self.row)["status"] == status and row["token"] > after)
        return self.row

    def get(self, path: str = "/") -> dict[str, Any]:
        """What it answers."""
        address = self.row["address"]
        request = urllib.request.Request(f"{address['url']}{path}", headers=address["headers"])
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)  # type: ignore[no-any-return]
