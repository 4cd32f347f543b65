"""The part of a dataset's page that moves, shared by the page and its socket."""

from __future__ import annotations

from collections.abc import Sequence

from django.template.loader import render_to_string

from apps.core import live
from apps.core.live import Event, LivePage
from apps.core.models import User
from apps.training.models import Dataset, DatasetState
from apps.training.queries.datasets import dataset_get

LIVE_PAGE = "dataset"
UNDER_WAY = (DatasetState.LOOKING, DatasetState.READING)


def register() -> None:
    """Make the live page known."""
    live.register(LivePage(name=LIVE_PAGE, topics=_topics, render=_render))


def _topics(_user: User, key: str) -> list[str]:
    dataset = dataset_get(dataset_id=key)
    job = dataset.job
    return [dataset.pk, *([job.topic] if job is not None and job.topic else [])]


def _render(_user: User, key: str, _events: Sequence[Event]) -> str:
    return render_to_string("training/_dataset_live.html", {**live_context(dataset_get(dataset_id=key)), "oob": True})


def live_context(dataset: Dataset) -> dict[str, object]:
    """What the moving part shows: a job under way, of the dataset itself or of its tokens."""
    job = dataset.job
    counting = job is not None and dataset.is_ready and not job.is_terminal
    return {"dataset": dataset, "under_way": dataset.state in UNDER_WAY, "counting": counting, "job": job}
