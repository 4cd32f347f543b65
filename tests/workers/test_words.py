"""What a child says waits in order until it is written; only lines of log are thinned, visibly, where it happens."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.jobs.reports import Checkpoint, Log, Metrics, Progress, Report, Said
from workers import words as module
from workers.words import Allowance, Words


def texts(said: list[Said]) -> list[Any]:
    shown: dict[type[Report], str] = {Log: "message", Metrics: "step", Progress: "fraction", Checkpoint: "step"}
    return [getattr(one.report, shown[type(one.report)]) for one in said]


def metrics(step: int) -> Metrics:
    return Metrics(step=step, metrics={"loss": 1.0})


def test_words_come_in_order_and_leave_once_written() -> None:
    words = Words()
    words.say(Log(message="a"))
    words.say(metrics(1))
    first = words.all()
    words.say(Log(message="b"))
    assert texts(first) == ["a", 1]
    words.written(first)
    assert texts(words.all()) == ["b"]


def test_what_could_not_be_written_stays() -> None:
    words = Words()
    words.say(Progress(fraction=0.1))
    words.say(metrics(1))
    words.all()  # and the database was away
    words.say(Progress(fraction=0.2))
    words.all()
    words.say(Progress(fraction=0.3))
    assert texts(words.all()) == [1, 0.3]  # of progress only the last counts
    words.written(words.all())
    assert not words.are_any


def test_progress_said_before_a_checkpoint_is_not_written_after_it() -> None:
    words = Words()
    words.say(Progress(fraction=0.4))
    words.say(Checkpoint(step=5, fraction=0.5))
    words.say(Progress(fraction=0.6))
    assert texts(words.all()) == [0.4, 5, 0.6]


def test_lines_of_log_beyond_the_allowance_are_left_out_where_a_line_says_how_many() -> None:
    words = Words(allowance=Allowance(lines=2, refill_seconds=1e9))
    for number in range(5):
        words.say(Log(message=f"line {number}"))
    words.say(metrics(7))
    words.say(Log(message="one more"))
    assert texts(words.last()) == [
        *("line 0", "line 1", "3 log lines left out here: too many at once."),
        *(7, "1 log line left out here: too many at once."),
    ]


def test_an_allowance_fills_again() -> None:
    allowance = Allowance(lines=100, refill_seconds=1000)
    assert sum(allowance.take(10) for _ in range(150)) == 100
    allowance._at -= 5  # half a line's worth is not enough to go on with, once dry
    assert not allowance.take(10)
    allowance._at -= 20
    assert allowance.take(10)


def test_long_lines_use_the_allowance_up_sooner() -> None:
    allowance = Allowance(lines=100, text=1000, refill_seconds=1e9)
    assert sum(allowance.take(300) for _ in range(10)) == 3


def test_what_counts_is_never_left_out_however_much_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FULL", 10)
    asked: list[int] = []
    words = Words(on_need=lambda: asked.append(1))
    for step in range(200):
        words.say(metrics(step))
        assert words.is_full == (step >= 9)
    assert texts(words.all()) == list(range(200))
    assert asked  # to be written soon
    for number in range(5):
        words.say(Log(message=f"line {number}"))  # five times as full as should be
    assert texts(words.last())[200:] == ["5 log lines left out here: too many at once."]


def test_a_checkpoint_is_to_be_written_at_once() -> None:
    asked: list[int] = []
    words = Words(on_need=lambda: asked.append(1))
    words.say(Log(message="a"))
    assert not asked
    words.say(Checkpoint(step=1))
    assert asked
