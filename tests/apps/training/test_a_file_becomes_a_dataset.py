"""An upload is looked at, its columns are told or guessed, all of it is read; it is whole, or it says what is wrong."""

from __future__ import annotations

import hashlib
from contextlib import closing

import pytest

from apps.core.artefacts import artefact_open
from apps.core.errors import Conflict, Forbidden, Invalid
from apps.core.jobs import job_cancel
from apps.core.models import Job, User
from apps.training.models import Dataset, DatasetState
from apps.training.queries import datasets as queries
from apps.training.services import datasets

from .working import begun, end_job, jsonl, ready, run_jobs, sums

pytestmark = pytest.mark.django_db


def test_columns_whose_names_say_what_they_are_need_nobody(owner: User) -> None:
    made = ready(owner)
    assert made.state == DatasetState.READY, made.error
    assert (made.num_samples, made.format, made.shape, made.version) == (30, "jsonl", "instruction", 1)
    assert made.columns == ["instruction", "input", "output"]
    assert made.sample[0] == {"instruction": "Add", "input": "0 1", "output": "1"}
    assert made.statistics["max_length"] == len("Add29 130")
    assert made.examples is not None
    with closing(artefact_open(made.examples)) as file:
        assert hashlib.sha256(file.read()).hexdigest() == made.content_hash


def test_columns_that_say_nothing_wait_to_be_told(owner: User, teammate: User) -> None:
    made = ready(owner, jsonl({"a": "x", "b": "y", "c": 1}, {"a": "z", "b": "w", "c": 2}))
    assert made.state == DatasetState.MAPPING
    with pytest.raises(Invalid, match="no column “d”"):
        datasets.dataset_map(
            dataset=made, mapping={"shape": "instruction", "instruction": "a", "output": "d"}, by=owner
        )
    wanted = {"shape": "instruction", "instruction": "a", "output": "b", "input": "c"}
    with pytest.raises(Forbidden):
        datasets.dataset_map(dataset=made, mapping=wanted, by=teammate)
    datasets.dataset_map(dataset=made, mapping=wanted, by=owner)
    with pytest.raises(Conflict):
        datasets.dataset_map(dataset=made, mapping=wanted, by=owner)
    run_jobs()
    made.refresh_from_db()
    assert made.state == DatasetState.READY
    assert queries.examples(made, start=2, count=5).items[0].values == {"instruction": "z", "input": "2", "output": "w"}


def test_one_can_look_first_even_where_the_names_say_enough(owner: User) -> None:
    made = ready(owner, look_first=True)
    assert made.state == DatasetState.MAPPING
    assert made.recipe["guess"] == {
        "shape": "instruction",
        "instruction": "instruction",
        "input": "input",
        "output": "output",
    }


def test_faults_keep_all_of_it_out_and_are_told_with_line_and_field(owner: User) -> None:
    made = ready(owner, sums(250) + jsonl({"instruction": "a", "input": ""}, {"instruction": 1, "output": ""}))
    assert made.state == DatasetState.FAILED
    assert (made.fault_count, made.examples, made.num_samples) == (2, None, 0)
    assert [(one["line"], one["field"], one["code"]) for one in made.faults] == [
        (251, "output", "missing"),
        (252, "output", "empty"),
    ]
    assert made.error == "Line 251, field “output”: missing. And 1 more like this."


def test_after_faults_other_columns_may_be_chosen(owner: User) -> None:
    made = ready(owner, jsonl({"instruction": "a", "output": "", "better": "b"}))
    assert made.state == DatasetState.FAILED
    datasets.dataset_map(
        dataset=made, mapping={"shape": "instruction", "instruction": "instruction", "output": "better"}, by=owner
    )
    run_jobs()
    made.refresh_from_db()
    assert (made.state, made.faults, made.error) == (DatasetState.READY, [], "")


def test_a_file_that_cannot_be_read_says_so_at_once(owner: User) -> None:
    made = ready(owner, "instruction,output\na,b\n".encode("utf-16"))
    assert made.state == DatasetState.FAILED
    assert made.error == "Line 1: the text is UTF-16; save it as UTF-8."
    with pytest.raises(Conflict, match="Send it again"):
        datasets.dataset_map(dataset=made, mapping={"shape": "chat", "messages": "a"}, by=owner)


def test_the_same_name_makes_versions_and_the_same_content_makes_none(owner: User) -> None:
    first, second = ready(owner, sums(30)), ready(owner, sums(31))
    assert (first.version, second.version) == (1, 2)
    again = ready(owner, sums(30))
    assert again.state == DatasetState.FAILED
    assert f"The content is that of {first}" in again.error
    assert [one.version for one in queries.versions(second)] == [3, 2, 1]
    assert ready(owner, sums(30), "Another name").is_ready, "under another name it may be"


def test_the_same_examples_in_another_format_are_the_same_content(owner: User) -> None:
    first = ready(owner, jsonl({"instruction": "a", "input": "", "output": "b"}), "One")
    second = ready(owner, b"output,instruction\nb,a\n", "Two")
    assert first.content_hash == second.content_hash


def test_a_job_that_does_not_end_well_leaves_nothing_half_done_and_can_be_tried_again(owner: User) -> None:
    made = begun(owner, sums(5))
    job = Job.objects.get(pk=made.job_id)
    end_job(job, "failed", error="The disk is full.")
    made.refresh_from_db()
    assert (made.state, made.error) == (DatasetState.FAILED, "The disk is full.")
    other = begun(owner, sums(6), "Other")
    assert other.job is not None
    job_cancel(job=other.job, by=owner)
    other.refresh_from_db()
    assert (other.state, other.examples) == (DatasetState.FAILED, None)


def test_what_is_wrong_with_the_words_about_it_is_said(owner: User, viewer: User) -> None:
    with pytest.raises(Invalid, match="1 to 200"):
        begun(owner, sums(1), " ")
    with pytest.raises(Invalid, match="format is one of"):
        begun(owner, sums(1), format="xml")
    with pytest.raises(Forbidden):
        begun(viewer, sums(1))
    assert not Dataset.objects.exists()


def test_examples_are_paged_and_searched(owner: User) -> None:
    made = ready(owner, sums(250))
    page = queries.examples(made, start=201, count=100)
    assert (page.items[0].number, len(page.items), page.following) == (201, 50, None)
    found = queries.examples(made, start=1, count=2, text="24")
    assert [one.number for one in found.items] == [24, 25]
    assert found.following == 26
