"""A state that many watch is read once an event, also when they ask at the same moment."""

from __future__ import annotations

import threading

import pytest

from apps.core.live.log import Position
from apps.core.live.shared import SharedState
from tests.patience import PATIENCE


def test_it_is_read_once_a_position_and_again_for_a_later_one() -> None:
    state, read = SharedState[int](), iter(range(10))
    assert [state.at("a", Position(1, n), lambda: next(read)) for n in (5, 5, 3, 6, 5)] == [0, 0, 0, 1, 1]
    assert state.at("b", Position(1, 5), lambda: next(read)) == 2


def test_those_who_ask_at_once_wait_for_one_reading() -> None:
    state = SharedState[str]()
    reading, go, readings, got = threading.Event(), threading.Event(), [], []

    def read() -> str:
        readings.append("read")
        reading.set()
        assert go.wait(PATIENCE)
        return "it"

    threads = [
        threading.Thread(target=lambda: got.append(state.at("a", Position(1, 1), read)), daemon=True) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    assert reading.wait(PATIENCE)
    assert state.at("b", Position(1, 1), lambda: "other") == "other"  # nobody waits for another key
    go.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert (readings, got) == (["read"], ["it"] * 5)


def test_a_reading_that_fails_is_done_again() -> None:
    state = SharedState[int]()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        state.at("a", Position(1, 1), fail)
    assert state.at("a", Position(1, 1), lambda: 7) == 7


def test_what_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("apps.core.live.shared.time.monotonic", lambda: now[0])
    state = SharedState[int]()
    state.at("a", Position(1, 1), lambda: 1)
    now[0] += 3600
    state.at("b", Position(1, 1), lambda: 1)
    assert list(state._places) == ["b"]
