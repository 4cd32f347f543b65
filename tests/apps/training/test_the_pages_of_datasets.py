"""Pages of datasets: made in three ways, told what columns mean with a look at the outcome, examples, statistics, lineage."""

from __future__ import annotations

import html as entities
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.live import pages
from apps.core.models import User
from apps.training.dataset_page import LIVE_PAGE
from apps.training.models import Dataset
from apps.training.services import datasets

from .working import begun, jsonl, ready, run_jobs, sums

pytestmark = pytest.mark.django_db
HOME = "/training/datasets/"


@pytest.fixture
def as_() -> Callable[[User], Client]:
    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return browser


def page(client: Client, url: str, status: int = 200, **more: Any) -> str:
    answer = client.get(url, **more)
    assert answer.status_code == status, answer.content[:500]
    return entities.unescape(answer.content.decode())


def test_a_file_is_sent_looked_at_and_read_by_what_one_chooses(as_: Callable[[User], Client], owner: User) -> None:
    client = as_(owner)
    assert "New dataset" in page(client, HOME)
    file = SimpleUploadedFile("qa.csv", b"q,a,why\nOne and one?,2,sum\nTwo?,3,\n")
    answer = client.post(f"{HOME}new/", {"file": file, "name": "Questions"})
    made = Dataset.objects.get()
    assert answer["Location"] == f"{HOME}{made.pk}/"
    assert "Waiting for a worker" in page(client, answer["Location"])
    run_jobs()
    text = page(client, answer["Location"])
    assert "What do the columns mean?" in text
    assert "Say which column holds the instruction" in text
    chosen = {"shape": "instruction", "instruction": "q", "output": "a", "system": "why"}
    seen = page(client, f"{HOME}{made.pk}/mapping/", data=chosen)
    assert "One and one?" in seen
    assert "learnt" in seen
    assert "there is no column" not in seen
    wrong = page(client, f"{HOME}{made.pk}/mapping/", data={**chosen, "output": "q"})
    assert "used twice" in wrong
    client.post(f"{HOME}{made.pk}/do/map/", chosen)
    run_jobs()
    text = page(client, f"{HOME}{made.pk}/")
    assert "One and one?" in text
    assert "What do the columns mean?" not in text


def test_faults_stand_in_a_table_with_line_and_field(
    as_: Callable[[User], Client], owner: User, teammate: User
) -> None:
    made = ready(owner, sums(3) + jsonl({"instruction": "<b>", "output": ""}))
    text = page(as_(owner), f"{HOME}{made.pk}/")
    assert "1 fault" in text
    assert "empty; every example needs it" in text
    assert "Choose other columns below" in text
    assert "What do the columns mean?" not in page(as_(teammate), f"{HOME}{made.pk}/")


def test_examples_are_paged_from_any_number_and_searched(as_: Callable[[User], Client], owner: User) -> None:
    made = ready(owner, sums(250))
    client = as_(owner)
    text = page(client, f"{HOME}{made.pk}/?start=241")
    assert text.count('class="example"') == 10
    assert "Further" not in text
    assert page(client, f"{HOME}{made.pk}/?q=249").count('class="example"') == 2
    assert "No example" in page(client, f"{HOME}{made.pk}/?q=nowhere")
    for odd in ("start=-1", "start=x", "start=" + "9" * 30, "q=%25", "start=0"):
        page(client, f"{HOME}{made.pk}/?{odd}")


def test_what_a_stranger_wrote_is_shown_and_never_run(as_: Callable[[User], Client], owner: User) -> None:
    made = ready(owner, jsonl({"instruction": "<script>x</script>", "output": "<b>bold</b>"}))
    raw = as_(owner).get(f"{HOME}{made.pk}/").content.decode()
    assert "<script>x" not in raw
    assert "&lt;b&gt;bold" in raw


def test_statistics_and_lineage_have_pages_of_their_own(as_: Callable[[User], Client], owner: User) -> None:
    whole = ready(owner, sums(60) + sums(5))
    client = as_(owner)
    text = page(client, f"{HOME}{whole.pk}/statistics/")
    assert "plot-bar" in text
    assert "5 (61 is 1, 62 is 2" in text
    client.post(f"{HOME}{whole.pk}/do/split/", {"fraction": "0.2", "seed": "1"})
    run_jobs()
    text = page(client, f"{HOME}{whole.pk}/lineage/")
    assert "Sums train v1" in text
    assert whole.content_hash in text
    part = Dataset.objects.get(name="Sums eval")
    assert "20.0\u202f%" in page(client, f"{HOME}{part.pk}/lineage/")


def test_only_those_who_may_are_offered_to_change_and_only_they_can(
    as_: Callable[[User], Client], owner: User, teammate: User, viewer: User
) -> None:
    made = ready(owner)
    assert "Delete…" in page(as_(owner), f"{HOME}{made.pk}/")
    other = page(as_(teammate), f"{HOME}{made.pk}/")
    assert "Delete…" not in other
    assert "Split…" in other
    assert "Split…" not in page(as_(viewer), f"{HOME}{made.pk}/")
    assert as_(teammate).post(f"{HOME}{made.pk}/do/delete/").status_code == 403
    assert as_(viewer).get(f"{HOME}new/").status_code == 403
    assert as_(owner).post(f"{HOME}{made.pk}/do/delete/")["Location"] == HOME
    assert not Dataset.objects.exists()


def test_forms_that_cannot_be_used_say_where(as_: Callable[[User], Client], owner: User) -> None:
    client = as_(owner)
    answer = client.post(f"{HOME}new/?from=tasks", {"name": "x", "writing": "digits"})
    assert answer.status_code == 422
    full = {
        "name": "x",
        "writing": "digits",
        "max_characters": 5_000,
        "orientations": 8,
        "recolourings": 0,
        "orders": 1,
        "seed": 0,
    }
    answer = client.post(f"{HOME}new/?from=tasks", full)
    assert answer.status_code == 422
    assert "No task matches" in answer.content.decode()
    answer = client.post(f"{HOME}new/?from=answers", {"name": "x", "writing": "digits", "max_characters": 5_000})
    assert "No right answer" in answer.content.decode()
    assert client.post(f"{HOME}new/", {"name": "x"}).status_code == 422


def test_the_page_moves_while_its_job_does_and_loads_itself_anew_at_the_end(owner: User) -> None:
    made = begun(owner, sums(5))

    shown = pages.get(LIVE_PAGE)
    assert shown.topics(owner, made.pk)[0] == made.pk
    assert "Waiting for a worker" in shown.render(owner, made.pk, [])
    run_jobs()
    assert 'hx-trigger="load"' in shown.render(owner, made.pk, [])


def test_a_page_of_examples_costs_a_fixed_number_of_statements(as_: Callable[[User], Client], owner: User) -> None:
    made = ready(owner, sums(250))
    client = as_(owner)

    def statements(url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as asked:
            page(client, url)
        return len(asked)

    assert statements(f"{HOME}{made.pk}/") == statements(f"{HOME}{made.pk}/?start=250") <= 16


def test_tokens_are_counted_and_the_first_examples_shown_as_the_model_sees_them(
    as_: Callable[[User], Client], owner: User
) -> None:
    made = ready(owner)
    datasets.dataset_count_tokens(dataset=made, tokenizer="terrarium", by=owner)
    run_jobs()
    made.refresh_from_db()
    assert made.error == ""
    tokens = made.statistics["tokens"]
    assert made.statistics["total_tokens"] == tokens["total"] > tokens["learnt"] > 0
    assert sum(one["count"] for one in tokens["histogram"]) == 30
    assert [piece["learnt"] for piece in tokens["shown"][0]].count(True) == 1
    text = page(as_(owner), f"{HOME}{made.pk}/statistics/")
    assert "What the model sees" in text
    assert "<|assistant|>" in text
    datasets.dataset_count_tokens(dataset=made, tokenizer="/no/such/folder", by=owner)
    run_jobs()
    made.refresh_from_db()
    assert "no tokenizer" in made.error
    assert made.is_ready
