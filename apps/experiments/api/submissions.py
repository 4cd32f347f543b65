"""JSON API: answers to tasks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from apps.core.pagination import Page, PageQuery, paginate
from apps.experiments import queries
from apps.experiments.api.router import router
from apps.experiments.api.schemas import SubmissionItem, SubmissionOut, submission_item, submission_out


class SubmissionFilter(Schema):
    """Which submissions."""

    task_id: str = Field("", max_length=120)
    strategy_used: str = Field("", max_length=64)
    experiment_id: str = Field("", max_length=40)
    run_id: str = Field("", max_length=40)
    user_id: str = Field("", max_length=40)
    is_correct: bool | None = None

    def found(self) -> Any:
        """The matching rows, latest first."""
        return queries.submissions_filtered(
            task_id=self.task_id,
            strategy=self.strategy_used,
            experiment_id=self.experiment_id,
            run_id=self.run_id,
            user_id=self.user_id,
            is_correct=self.is_correct,
        )


@router.get(
    "/submissions", tags=["submissions"], response=Page[SubmissionItem], summary="Submissions, filtered and paged"
)
def list_submissions(request: HttpRequest, filters: Query[SubmissionFilter], paging: Query[PageQuery]) -> Any:
    """Latest first, without attempts and programs."""
    return paginate(filters.found(), page=paging.page, page_size=paging.page_size, serialize=submission_item)


@router.get("/submissions/{submission_id}", tags=["submissions"], response=SubmissionOut, summary="One submission")
def get_submission(request: HttpRequest, submission_id: str) -> Any:
    """With every attempt and its program."""
    return submission_out(queries.submission_get(submission_id=submission_id))
