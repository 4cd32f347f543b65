"""The JSON API: shapes, status words, doors and bounds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.experiments.models import Experiment, TaskSubmission
from apps.experiments.services import experiment_cancel, experiment_pause
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]
ROOT = "/api/v1/experiments"
BODY = {
    "name": "By program",
    "hypothesis": "Doing nothing is enough.",
    "strategy_configs": {"echo": {"depth": 4}},
    "task_selection_criteria": {"datasets": ["lab"]},
    "seeds": [3, 1, 3],
    "seconds_per_task": 2,
}


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(f"{ROOT}{path}", data=body if body is not None else {}, content_type="application/json")


def test_create_answers_201_with_the_tracker(tasks: list[ArcTask], owner: User) -> None:
    answer = post(client_of(owner), "", BODY)
    assert answer.status_code == 201
    made = answer.json()
    assert made["experiment_id"].startswith("exp_")
    assert (made["status"], made["state"], made["reason"]) == ("created", "created", None)
    assert made["strategy_configs"]["echo"]["depth"] == 4
    assert made["task_selection_criteria"] == {"datasets": ["lab"]}
    assert made["seeds"] == [1, 3]
    assert made["results"] == {}
    assert {"hypothesis", "description", "insights", "created_at", "updated_at"} <= set(made)


def test_create_and_start_in_one_request(tasks: list[ArcTask], owner: User) -> None:
    made = post(client_of(owner), "", {**BODY, "start": True}).json()
    assert (made["status"], made["progress"]["total"], made["progress"]["waiting"]) == ("in_progress", 6, 6)
    assert made["task_ids"] == ["lab:a", "lab:b", "lab:c"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"strategy_configs": {}}, "strategy_configs"),
        ({"strategy_configs": {"echo": {"depth": 0}}}, "strategy_configs.echo.depth"),
        ({"seeds": [-1]}, "seeds"),
        ({"seconds_per_task": 0}, "seconds_per_task"),
        ({"task_selection_criteria": {"datasets": ["mars"]}}, "task_selection_criteria"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_used_is_422_with_field_and_reason(
    tasks: list[ArcTask], owner: User, change: dict[str, Any], field: str
) -> None:
    answer = post(client_of(owner), "", {**BODY, **change})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert field in json.dumps(error["details"])
    assert not Experiment.objects.exists()


@pytest.mark.parametrize("action", ["start", "pause", "resume", "cancel", "retry", "rerun"])
def test_only_owner_and_admin_may_act(
    make: Make, tasks: list[ArcTask], teammate: User, viewer: User, action: str
) -> None:
    made = make(start=action != "start")
    path = f"/{made.pk}/{action}"
    assert post(client_of(None), path).status_code == 401
    assert post(client_of(viewer), path).status_code == 403
    assert post(client_of(teammate), path).status_code == 403
    made.refresh_from_db()
    assert made.status == ("created" if action == "start" else "in_progress")


def test_owner_and_admin_act(make: Make, tasks: list[ArcTask], owner: User, admin: User) -> None:
    made = make(start=False)
    assert post(client_of(owner), f"/{made.pk}/start").json()["state"] == "in_progress"
    paused = post(client_of(admin), f"/{made.pk}/pause").json()
    assert (paused["status"], paused["state"]) == ("in_progress", "paused")
    assert post(client_of(owner), f"/{made.pk}/pause").status_code == 409
    assert post(client_of(owner), f"/{made.pk}/resume").json()["state"] == "in_progress"
    cancelled = post(client_of(owner), f"/{made.pk}/cancel").json()
    assert (cancelled["status"], cancelled["state"], cancelled["reason"]) == ("failed", "cancelled", "cancelled")
    assert post(client_of(owner), f"/{made.pk}/retry").json()["state"] == "in_progress"


def test_reading_is_for_every_member_and_nobody_else(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    end(cells(made)[0])
    submission = TaskSubmission.objects.get()
    paths = [
        "",
        f"/{made.pk}",
        f"/{made.pk}/runs",
        f"/{made.pk}/cells",
        f"/{made.pk}/results",
        f"/{made.pk}/submissions",
        f"/{made.pk}/events",
        f"/{made.pk}/export",
        "/submissions",
        f"/submissions/{submission.pk}",
        "/strategies",
        "/strategy-metrics",
    ]
    for path in paths:
        assert client_of(viewer).get(ROOT + path).status_code == 200, path
        assert client_of(None).get(ROOT + path).status_code == 401, path


def test_words_may_change_later_but_not_the_question(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    client = client_of(owner)

    def patch(body: dict[str, Any]) -> Any:
        return client.patch(f"{ROOT}/{made.pk}", data=body, content_type="application/json")

    changed = patch({"name": "Renamed", "insights": ["Echo is enough for one."]}).json()
    assert (changed["name"], changed["insights"]) == ("Renamed", ["Echo is enough for one."])
    refused = patch({"spec": BODY})
    assert refused.status_code == 409
    assert "Duplicate it" in refused.json()["error"]["message"]
    assert patch({"name": None}).status_code == 200


def test_a_stranger_cannot_change_or_delete(make: Make, tasks: list[ArcTask], teammate: User, viewer: User) -> None:
    made = make(start=False)
    for user, status in ((teammate, 403), (viewer, 403), (None, 401)):
        client = client_of(user)
        assert (
            client.patch(f"{ROOT}/{made.pk}", data={"name": "x"}, content_type="application/json").status_code == status
        )
        assert client.delete(f"{ROOT}/{made.pk}").status_code == status
    assert Experiment.objects.get(pk=made.pk).name == "Trial"


def test_delete_says_what_went(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make(start=False)
    answer = client_of(owner).delete(f"{ROOT}/{made.pk}")
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert client_of(owner).get(f"{ROOT}/{made.pk}").status_code == 404


def test_results_are_live_before_the_end(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    end(cells(made)[0])
    results = client_of(viewer).get(f"{ROOT}/{made.pk}").json()["results"]
    assert (results["totals"]["done"], results["totals"]["macro"]) == (1, 1.0)


def test_a_submission_carries_the_fields_of_the_spec(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    end(cells(made)[1])
    listed = client_of(viewer).get(f"{ROOT}/submissions?experiment_id={made.pk}").json()
    assert (listed["total"], listed["page"], listed["page_size"], listed["pages"]) == (1, 1, 20, 1)
    item = listed["items"][0]
    assert "predictions" not in item
    assert (item["experiment_id"], item["hits"], item["score"], item["is_correct"]) == (
        made.pk,
        [True, False],
        0.5,
        False,
    )
    whole = client_of(viewer).get(f"{ROOT}/submissions/{item['submission_id']}").json()
    spec_fields = {
        "submission_id",
        "task_id",
        "user_id",
        "predicted_output",
        "strategy_used",
        "confidence_score",
        "processing_time_ms",
        "resource_usage",
        "metadata",
        "submitted_at",
    }
    assert spec_fields <= set(whole)
    assert len(whole["predictions"]) == 2
    assert client_of(viewer).get(f"{ROOT}/submissions?is_correct=true").json()["total"] == 0


def test_no_answer_of_the_api_holds_a_truth(make: Make, owner: User, viewer: User) -> None:
    make_task("secret", tests=[{"input": [[1]], "output": [[7, 8, 9, 7]]}])
    made = make()
    end(cells(made)[0])
    for path in ("", f"/{made.pk}", f"/{made.pk}/cells", f"/{made.pk}/results", "/submissions", f"/{made.pk}/export"):
        answer = client_of(viewer).get(ROOT + path)
        body = answer.getvalue() if answer.streaming else answer.content
        assert b"7,8,9,7" not in body.replace(b" ", b""), path


def test_cells_spell_cancelled_as_failed_with_a_reason(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    experiment_cancel(experiment=made, by=owner)
    item = client_of(owner).get(f"{ROOT}/{made.pk}/cells").json()["items"][0]
    assert (item["status"], item["state"], item["reason"]) == ("failed", "cancelled", "cancelled")


def test_events_go_on_from_the_cursor(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    client = client_of(owner)
    first = client.get(f"{ROOT}/{made.pk}/events").json()
    assert client.get(f"{ROOT}/{made.pk}/events?after={first['cursor']}").json()["events"] == []


def test_the_export_holds_every_cell(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make(name="=Sum, of all")
    for cell in cells(made):
        end(cell)
    client = client_of(viewer)
    whole = json.loads(client.get(f"{ROOT}/{made.pk}/export").getvalue())
    assert whole["experiment"]["name"] == "=Sum, of all"
    assert [s["task_id"] for s in whole["submissions"]] == ["lab:a", "lab:b", "lab:c"]
    answer = client.get(f"{ROOT}/{made.pk}/export?format=csv")
    assert 'filename="sum-of-all-run1.csv"' in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [(row["raw_id"], row["status"], row["score"]) for row in rows] == [
        ("a", "completed", "1.0"),
        ("b", "completed", "0.5"),
        ("c", "completed", "0.0"),
    ]
    assert rows[0]["program"] == "return grid"


def test_lists_filter_sort_and_page(make: Make, tasks: list[ArcTask], owner: User) -> None:
    for number in range(3):
        make(name=f"Trial {number}", start=number == 0, strategy_configs={"other" if number else "echo": {}})
    client = client_of(owner)

    def names(query: str) -> list[str]:
        return [item["name"] for item in client.get(f"{ROOT}?{query}").json()["items"]]

    assert names("") == ["Trial 2", "Trial 1", "Trial 0"]
    assert names("sort=name&page_size=2") == ["Trial 0", "Trial 1"]
    assert names("sort=name&page_size=2&page=2") == ["Trial 2"]
    assert names("page=9") == []
    assert names("state=in_progress") == ["Trial 0"]
    assert names("strategy=echo") == ["Trial 0"]
    assert names("q=trial 1") == ["Trial 1"]
    assert names("owner=nobody") == []
    assert client.get(f"{ROOT}?sort=colour").status_code == 422


def test_a_list_costs_the_same_however_long(make: Make, tasks: list[ArcTask], owner: User) -> None:
    client = client_of(owner)

    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert client.get(f"{ROOT}?page_size=200").status_code == 200
        return len(caught)

    make()
    few = statements()
    for _ in range(6):
        make()
    experiment_pause(experiment=make(), by=owner)
    assert statements() == few


def test_strategies_come_with_their_schema(viewer: User) -> None:
    listed = client_of(viewer).get(f"{ROOT}/strategies").json()
    assert [strategy["name"] for strategy in listed] == ["echo", "other"]
    assert listed[0]["config_schema"]["properties"]["depth"]["maximum"] == 9


def test_metrics_list_what_was_scored(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    for cell in cells(made):
        end(cell)
    found = client_of(viewer).get(f"{ROOT}/strategy-metrics?strategy_type=echo&success=true").json()
    assert [(m["task_id"], m["metric_id"][:4]) for m in found["items"]] == [("lab:a", "met_")]


@pytest.mark.parametrize("path", ["/exp_nothing", "/submissions/sub_nothing", "/exp_nothing/events"])
def test_what_is_not_there_is_404(viewer: User, path: str) -> None:
    assert client_of(viewer).get(ROOT + path).status_code == 404


def test_what_was_not_started_has_no_events_yet(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make(start=False)
    assert client_of(viewer).get(f"{ROOT}/{made.pk}/events").status_code == 409
    assert client_of(viewer).get(f"{ROOT}/{made.pk}/cells?run=99999999999999999999").status_code == 422
