"""A worker claims nothing while its fork server is not there, or has not loaded what is always wanted."""

from __future__ import annotations

import os
import signal
import threading

from tests.patience import PATIENCE
from tests.workers.fleet import until
from workers.forkserver import ForkServerClient


def test_a_new_fork_server_counts_as_cold_until_it_has_warmed_up_and_says_so() -> None:
    told = threading.Event()
    client = ForkServerClient(warm=("statistics",), on_warm=told.set)
    assert not client.warmed.is_set()
    client.start()
    try:
        assert told.wait(PATIENCE)
        assert client.warmed.is_set()
        told.clear()
        first = until(lambda: client.pid)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: not client.warmed.is_set(), every=0.005)
        until(lambda: told.wait(0.1) and client.warmed.is_set())
        assert client.pid not in (None, first)
    finally:
        client.stop()


def test_what_kills_the_fork_server_twice_while_it_loads_is_left_to_the_jobs_that_want_it() -> None:
    told = threading.Event()
    client = ForkServerClient(warm=("statistics", "tests.workers.entries:collapse"), on_warm=told.set)
    servers: set[int | None] = {None}

    def warm() -> bool:
        servers.add(client.pid)
        return client.warmed.is_set()

    client.start()
    try:
        until(warm, every=0.01)
        assert len(servers - {None}) == 3
    finally:
        client.stop()


def test_nothing_to_load_means_warm_at_once() -> None:
    assert ForkServerClient().warmed.is_set()
