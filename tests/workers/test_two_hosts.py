"""Two machines, told apart by name: what one loses the other goes on with, and neither disturbs the other's work."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.patience import PATIENCE
from tests.workers.fleet import Fleet, alive, until
from tests.workers.handle import Handle
from workers import orphans

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database and a broker."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


@pytest.fixture
def fleet(stores: Fleet) -> Iterator[Fleet]:
    """No worker yet."""
    yield stores
    stores.end_workers()


def test_what_a_dead_host_ran_goes_to_the_other_and_its_place_is_free_again(fleet: Fleet) -> None:
    gate = str(fleet.folder / "both-may-end")
    here = fleet.worker(queues="agents", host="here")
    ids = [fleet.enqueue("alone", {"wait_for": gate}) for _ in range(2)]
    fleet.wait_for(ids[0], "running", seconds=PATIENCE)
    lost = here.child()
    here.signal(signal.SIGKILL)
    until(lambda: not alive(lost), seconds=PATIENCE)
    fleet.worker(queues="agents", host="there")
    fleet.worker(queues="agents", host="here")
    until(lambda: fleet.ask("job", job_id=ids[0])["attempts"][0]["outcome"] == "lost", seconds=PATIENCE)
    until(lambda: [fleet.status(one) for one in ids] == ["running", "running"], seconds=PATIENCE)
    (fleet.folder / "both-may-end").touch()
    attempts = [fleet.wait_for(one, "completed", seconds=PATIENCE)["attempts"] for one in ids]
    assert attempts[0][0]["host"] == "here"
    assert attempts[0][0]["outcome"] == "lost"
    assert {attempts[0][-1]["host"], attempts[1][-1]["host"]} == {"here", "there"}, "one of a kind on each"


def test_looking_for_orphans_leaves_the_work_of_a_living_host_alone(fleet: Fleet) -> None:
    gate = str(fleet.folder / "may-end")
    here = fleet.worker(host="here")
    job = fleet.enqueue("nap", {"wait_for": gate})
    working = here.child()
    fleet.worker(host="there")  # looks for orphans as it starts
    orphans.kill_orphans()
    assert alive(working)
    (fleet.folder / "may-end").touch()
    assert fleet.wait_for(job, "completed", seconds=PATIENCE)["attempts"][-1]["host"] == "here"


def test_a_service_of_a_host_that_fell_silent_runs_on_the_other_after_its_lease_and_never_on_both(fleet: Fleet) -> None:
    here = fleet.worker(host="here")
    service = Handle(fleet, "echo", "of two hosts")
    first = service.once("ready")
    assert first["host"] == "here"
    process = psutil.Process(first["pid"])
    here.signal(signal.SIGSTOP)
    there = fleet.worker(host="there")
    until(lambda: not alive(process), seconds=PATIENCE)
    second = service.once("ready", after=first["token"])
    assert (second["host"], second["keeper"]) == ("there", there.name)
    assert service.get()["pid"] == second["pid"]
    states = [state for state, _ in second["changes"]]
    assert states == ["pending", "starting", "ready", "pending", "starting", "ready"]
    here.signal(signal.SIGCONT)
    until(lambda: "fenced" in here.log.read_text(), seconds=PATIENCE)
    assert service.row["token"] == second["token"]
    service.do("unwant")
    service.once("stopped")
