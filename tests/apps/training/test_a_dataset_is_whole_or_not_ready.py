"""The database refuses a dataset that says it is ready and is not, and a version that is there already."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core.artefacts import artefact_record, artefact_store
from apps.core.models import Artefact, User
from apps.training.models import Dataset, DatasetState

pytestmark = pytest.mark.django_db


def kept(text: bytes) -> Artefact:
    return artefact_record(stored=artefact_store(source=io.BytesIO(text)))


def test_a_name_has_each_version_once(owner: User) -> None:
    Dataset.objects.create(name="sums", owner=owner)
    with pytest.raises(IntegrityError), transaction.atomic():
        Dataset.objects.create(name="sums", owner=owner)
    Dataset.objects.create(name="sums", version=2, owner=owner)


def test_ready_means_that_its_examples_are_there(owner: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Dataset.objects.create(name="sums", state=DatasetState.READY, num_samples=3, shape="chat")
    whole = {"state": DatasetState.READY, "num_samples": 3, "shape": "chat", "finished_at": timezone.now()}
    made = Dataset.objects.create(name="sums", examples=kept(b"x"), **whole)
    with pytest.raises(IntegrityError), transaction.atomic():
        Dataset.objects.filter(pk=made.pk).update(num_samples=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        Dataset.objects.create(name="sums", version=2, examples=kept(b"x"), **whole)
    assert made.content_hash in made.path


def test_ids_of_datasets_say_so_and_ascend() -> None:
    first, second = Dataset.objects.create(name="a"), Dataset.objects.create(name="b")
    assert first.pk.startswith("dataset-")
    assert first.pk < second.pk


def test_an_update_moves_its_moment() -> None:
    made = Dataset.objects.create(name="a")
    long_ago = timezone.now() - timedelta(days=9)
    Dataset.objects.filter(pk=made.pk).update(updated_at=long_ago)
    Dataset.objects.filter(pk=made.pk).update(description="b")
    made.refresh_from_db()
    assert made.updated_at > long_ago
