"""A task's content out of a body."""

from __future__ import annotations

from apps.core.errors import Invalid
from apps.tasks import schemas
from apps.tasks.engine.formats import TaskData
from apps.tasks.engine.grids import InvalidGrid


def parsed(body: schemas.TaskContent, raw_id: str) -> TaskData:
    """The content of a body; `Invalid` names its field."""
    try:
        return body.data(raw_id)
    except InvalidGrid as error:
        raise Invalid(
            str(error).replace("train[", "train_examples[").replace("test[", "tests["),
            field="train_examples" if str(error).startswith("train") else "tests",
        ) from error
