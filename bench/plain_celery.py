"""What the queue is compared with: Celery as it comes, on the same broker, with a task that does nothing.

python -m bench.plain_celery CONCURRENCY     (a worker; it keeps writing how many tasks are done, and when the last was)
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from celery import Celery

app = Celery("plain", set_as_current=False)
app.conf.broker_url = os.environ.get("REDIS_URL") or "filesystem://localhost//"
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 4
app.conf.task_default_queue = "plain"
app.conf.worker_hijack_root_logger = False
if app.conf.broker_url.startswith("filesystem"):
    folder = Path(os.environ["TERRARIUM_STORAGE_ROOT"]) / "plain"
    folder.mkdir(parents=True, exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder.parent / "plain-control"),
        "processed_folder": str(folder.parent / "plain-processed"),
        "store_processed": False,
        "polling_interval": 0.05,
    }
    for name in ("plain-control", "plain-processed"):
        (folder.parent / name).mkdir(exist_ok=True)

_lock = threading.Lock()
_done = 0
_last = 0.0


@app.task(name="plain.noop")  # type: ignore[untyped-decorator]
def noop() -> None:
    """Nothing, counted."""
    global _done, _last
    with _lock:
        _done += 1
        _last = time.time()


def _note() -> None:
    """Tell who measures how far we are."""
    path = Path(os.environ["TERRARIUM_STORAGE_ROOT"]) / "plain-done"
    while True:
        with _lock:
            text = f"{_done} {_last}"
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)
        time.sleep(0.05)


if __name__ == "__main__":
    threading.Thread(target=_note, daemon=True).start()
    options = ["--pool=threads", f"--concurrency={sys.argv[1]}", "--queues=plain", "--loglevel=WARNING"]
    app.worker_main(["worker", *options, "--without-gossip", "--without-mingle", "--without-heartbeat"])
