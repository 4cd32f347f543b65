"""The Celery application. Messages only ring: what to do is read from the database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery

from config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

broker.install()
app = Celery("terrarium")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"], related_name="doorbell")


@app.on_after_configure.connect  # type: ignore[untyped-decorator]
def _prepare_broker(**_: Any) -> None:
    """Make the folders of the file-based broker; nothing to do for Redis."""
    options = app.conf.broker_transport_options or {}
    for name in ("data_folder_in", "data_folder_out", "control_folder", "processed_folder"):
        if name in options:
            Path(options[name]).mkdir(parents=True, exist_ok=True)
