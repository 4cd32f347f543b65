"""The queue writes its rows by hand-made statements: what they leave out, the database or the model must fill in."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from apps.core.jobs import enqueue, job_enqueue
from apps.core.jobs.lease import claim
from apps.core.models import Job, JobAttempt, JobEvent, User

pytestmark = pytest.mark.django_db


def test_a_new_job_is_what_the_model_says_a_new_job_is(kind: Any, owner: User) -> None:
    made = job_enqueue(kind=kind(), payload={"n": 1}, owner=owner, topic="t")
    given = {name: getattr(made, name) for name in enqueue._VARYING}
    plain = Job(**given, fair_tag=made.fair_tag, last_seq=1)  # the event that it was made
    row = Job.objects.filter(pk=made.pk).values().get()
    assert row == {field.attname: getattr(plain, field.attname) for field in Job._meta.concrete_fields}


def test_every_column_of_a_job_is_written_or_has_a_default_or_may_be_null() -> None:
    written = set(enqueue._COLUMNS)
    left = [field for field in Job._meta.concrete_fields if field.attname not in written]
    assert [field.attname for field in left if not field.null and not field.has_db_default()] == []
    assert written <= {field.attname for field in Job._meta.concrete_fields}


@pytest.mark.parametrize("model", [JobAttempt, JobEvent])
def test_what_a_worker_of_an_older_version_does_not_know_has_a_default(kind: Any, owner: User, model: Any) -> None:
    """The statements name the columns they were written for; later ones must not need them."""
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    row = model.objects.filter(job=job).values().first()
    later = [field for field in model._meta.concrete_fields if field.has_db_default() and field.attname != "xid"]
    for field in later:
        assert row[field.attname] == field.get_default()


def test_the_database_has_no_column_the_models_do_not_know() -> None:
    for model in (Job, JobAttempt, JobEvent):
        with connection.cursor() as cursor:
            described = connection.introspection.get_table_description(cursor, model._meta.db_table)
        assert {column.name for column in described} == {field.column for field in model._meta.concrete_fields}
