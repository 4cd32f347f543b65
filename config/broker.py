"""The file-based broker, with messages that appear whole.

kombu's own creates the file, then writes it: a worker that takes it in between reads nothing and ends as broken
beyond repair. Here a message is written under a name nobody looks for, and renamed.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils import json as kombu_json


class Channel(filesystem.Channel):
    """A channel of files."""

    def _put(self, queue: Any, payload: Any, **_: Any) -> None:  # type: ignore[override]  # so do its own two bases
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}"
        unfinished = os.path.join(self.data_folder_out, f".{name}.unfinished")
        try:
            with open(unfinished, "wb") as file:
                file.write(_encoded(payload))
            os.replace(unfinished, os.path.join(self.data_folder_out, f"{name}.{queue}.msg"))
        except OSError as error:
            raise ChannelError(f"Cannot add {name} to {self.data_folder_out}") from error


def _encoded(message: Any) -> bytes:
    return kombu_json.dumps(message).encode()  # type: ignore[no-any-return,no-untyped-call]


class Transport(filesystem.Transport):
    """The transport behind `filesystem://`."""

    Channel = Channel


def install() -> None:
    """Make `filesystem://` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
