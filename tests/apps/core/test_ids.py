"""Ids sort by time of creation, also those made within a millisecond."""

from __future__ import annotations

import pytest

from apps.core import ids


def test_ids_of_one_process_ascend_and_differ() -> None:
    made = [ids.new_id("job") for _ in range(5_000)]
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {len("job_") + 26}


def test_ids_ascend_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new_id("job")
    monkeypatch.setattr("apps.core.ids.time.time_ns", lambda: 1)
    first, second = ids.new_id("job"), ids.new_id("job")
    assert before < first < second
    assert second[:14] == before[:14]  # no further ahead than need be
