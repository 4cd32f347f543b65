"""What a job says: stored by the real writers, read back, published as promised."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.utils import timezone

from apps.core.jobs import job_enqueue, reports
from apps.core.jobs.lease import claim, speak
from apps.core.jobs.reports import Checkpoint, Consumed, Line, Log, Metrics, Progress, Report, Result, Said, Usage, hear
from apps.core.jobs.settle import settle, settle_all
from apps.core.jobs.verdict import Verdict
from apps.core.live.log import EVERYTHING, floor, read
from apps.core.live.messages import message
from apps.core.metrics import curves
from apps.core.models import Job, JobEvent, User

pytestmark = pytest.mark.django_db(transaction=True)

SHA = "a" * 64


@pytest.fixture
def job(kind: Any, owner: User) -> Job:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    return claim(queue="cpu", worker="w1", host="here", lease_seconds=15)[0]


def say(job: Job, *said: Report) -> None:
    speak(job.pk, job.attempt, [Said(report, timezone.now()) for report in said])


def published(type: str) -> list[dict[str, Any]]:
    """What a reader of the log is sent of this type, without its envelope."""
    envelope = {"type", "cursor", "job_id", "topic", "seq", "timestamp"}
    sent = [message(event) for event in read(EVERYTHING, floor()).events if event.type == type]
    return [{name: value for name, value in one.items() if name not in envelope} for one in sent]


def test_progress_is_published_as_the_child_said_it(job: Job) -> None:
    say(job, hear("progress", {"fraction": 0.25, "note": "1 of 4"}))
    assert published("progress") == [{"progress": 0.25, "note": "1 of 4"}]


def test_a_result_is_published_once_not_nested(job: Job) -> None:
    settle(job.pk, job.attempt, Verdict("completed", result={"score": 1.0, "left": None}))
    assert published("result") == [{"result": {"score": 1.0, "left": None}}]


def test_a_large_result_is_published_by_its_size_and_names(job: Job) -> None:
    settle(job.pk, job.attempt, Verdict("completed", result={"grid": "x" * 100_000}))
    [sent] = published("result")
    assert (sent["result"], sent["keys"]) == (None, ["grid"])
    assert sent["omitted_bytes"] > 100_000


def test_a_change_of_status_is_published_in_the_shared_words_with_ours_beside(job: Job) -> None:
    settle(job.pk, job.attempt, Verdict("timeout", error_code="timeout"))
    last = published("status_change")[-1]
    assert (last["old_status"], last["new_status"], last["state"], last["reason"]) == (
        "running",
        "failed",
        "timeout",
        "timeout",
    )


def test_metrics_may_come_flat_or_gathered_and_become_points(job: Job) -> None:
    say(
        job,
        hear("metrics", {"step": 3, "train_loss": 0.5}),
        hear("metrics", {"step": 4, "metrics": {"train_loss": 0.4}}),
    )
    [curve] = curves([job.pk])
    assert (curve.key, curve.steps, curve.values) == ("train_loss", [3, 4], [0.5, 0.4])
    assert published("metrics") == []


@pytest.mark.parametrize("end", [settle, lambda *one: settle_all([one])], ids=["alone", "together"])
def test_metrics_among_the_last_words_become_points_too(job: Job, end: Any) -> None:
    last = Said(hear("metrics", {"step": 5, "train_loss": 0.3}), timezone.now())
    end(job.pk, job.attempt, Verdict("completed", result={}, last_words=(last,)))
    assert curves([job.pk])[0].values == [0.3]


def test_a_log_line_keeps_what_came_with_it_as_context(job: Job) -> None:
    say(job, hear("log", {"level": "warn", "message": "careful", "file": "a.py"}))
    assert published("log") == [{"level": "WARNING", "message": "careful", "context": {"file": "a.py"}}]


def test_a_checkpoint_is_kept_on_the_job_and_published(job: Job) -> None:
    say(job, Checkpoint(step=7, artefact=SHA, size_bytes=9, fraction=0.5, seconds=12.5, state={"epoch": 1}))
    kept = Job.objects.get(pk=job.pk)
    assert kept.checkpoint == {
        "step": 7,
        "artefact": SHA,
        "size_bytes": 9,
        "fraction": 0.5,
        "seconds": 12.5,
        "note": "",
        "state": {"epoch": 1},
    }
    assert (kept.progress, kept.checkpoint_progress, kept.checkpoint_seconds, kept.checkpoint_attempt) == (
        *(0.5, 0.5, 12.5),
        job.attempt,
    )
    assert [(one["step"], one["artefact"]) for one in published("checkpoint")] == [(7, SHA)]


def test_what_is_counted_is_not_logged(job: Job) -> None:
    say(job, Consumed(tokens=5, calls={"openai": 1}))
    assert not JobEvent.objects.filter(job=job, type="usage").exists()
    used = (
        Usage(tokens=2).plus(Consumed(tokens=5, calls={"openai": 1})).plus(Consumed(calls={"openai": 2, "search": 1}))
    )
    assert (used.tokens, dict(used.calls)) == (7, {"openai": 3, "search": 1})


@pytest.mark.parametrize(
    ("type", "payload", "said"),
    [
        ("progress", {"fraction": "far"}, "fraction"),
        ("progress", {"fraction": float("nan")}, "fraction"),
        ("progress", [1], "an object, not a list"),
        ("metrics", {"step": -1, "loss": 1.0}, "step"),
        ("metrics", {"step": 1, "metrics": {"": 1.0}}, "1 to 100 characters"),
        ("metrics", {"step": 1, "loss": "low"}, "metrics.loss"),
        ("checkpoint", {"artefact": "../../etc/passwd"}, "artefact"),
        ("usage", {"tokens": -1}, "tokens"),
        ("usage", {"calls": {"a": -1}}, "from 0 up"),
        ("gossip", {}, "no report of type 'gossip'"),
    ],
)
def test_nonsense_is_refused_with_the_field_that_is_wrong(type: str, payload: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        hear(type, payload)


def test_progress_outside_its_range_is_brought_back_into_it() -> None:
    assert [Progress.heard({"fraction": f}).fraction for f in (-1, 0.5, 7)] == [0.0, 0.5, 1.0]


def test_every_type_survives_being_stored_and_read() -> None:
    said: list[Report] = [
        Log(level="ERROR", message="no"),
        Progress(fraction=0.5, note="half"),
        Metrics(step=1, metrics={"loss": 1.5, "gone": None}),
        Result(result={"a": None}),
        Checkpoint(step=2),
        Consumed(tokens=1),
    ]
    assert [reports.read(one.type, one.stored()) for one in said] == said


def test_what_an_older_version_wrote_is_sent_as_it_stands(job: Job) -> None:
    JobEvent.objects.create(job=job, seq=90, type="progress", payload={"percent": 4}, at=timezone.now())
    JobEvent.objects.create(job=job, seq=91, type="smoke", payload={"colour": "white"}, at=timezone.now())
    assert published("progress") == [{"payload": {"percent": 4}}]
    assert published("smoke") == [{"payload": {"colour": "white"}}]


def test_an_app_may_have_a_type_of_its_own(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sample(Report):
        type: ClassVar[str] = "sample"
        text: str

        def line(self) -> Line:
            return Line("info", self.text)

    monkeypatch.setattr(reports, "_types", dict(reports._types))
    reports.register(Sample)
    say(job, hear("sample", {"text": "once upon a time"}))
    assert published("sample") == [{"text": "once upon a time"}]
    with pytest.raises(ValueError, match="taken by Sample"):
        reports.register(type("Other", (Report,), {"type": "sample", "__annotations__": {"type": ClassVar[str]}}))
