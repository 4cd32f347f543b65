"""The file-based broker: a message is whole before anybody can see it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from kombu.connection import Connection

from config import broker


@pytest.fixture
def channel(tmp_path: Path) -> Any:
    """A channel on folders of its own."""
    broker.install()
    folders = {name: str(tmp_path / name) for name in ("in", "control")}
    for folder in folders.values():
        os.makedirs(folder)
    options = {"data_folder_in": folders["in"], "data_folder_out": folders["in"], "control_folder": folders["control"]}
    with Connection("filesystem://", transport_options=options) as connection:  # type: ignore[no-untyped-call]
        yield connection.channel()


def test_the_transport_is_ours(channel: Any) -> None:
    assert isinstance(channel, broker.Channel)


def test_a_message_becomes_visible_when_it_is_complete(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    rename = os.replace

    def look_then_rename(source: str, target: str) -> None:
        seen.append((channel._size("cpu"), os.path.getsize(source)))
        rename(source, target)

    monkeypatch.setattr(os, "replace", look_then_rename)
    channel._put("cpu", {"body": "ring"})
    assert seen == [(0, len('{"body": "ring"}'))]
    assert channel._size("cpu") == 1
    assert channel._get("cpu") == {"body": "ring"}
    assert channel._size("cpu") == 0
