"""Making, changing and removing experiments. Running them is in `runs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field

from apps.core.access import require_owner, require_role
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.models import Role, User
from apps.experiments.documents import MAX_CELLS, ExperimentSpec, Name, Prose, TaskSelection
from apps.experiments.models import Experiment, ExperimentRun, ExperimentStatus, Solve
from apps.experiments.strategies import Problem, check_configs
from apps.tasks.criteria import TaskCriteria, tasks_matching
from apps.tasks.models import ArcTask


@dataclass(frozen=True)
class Checked:
    """A spec after checking: complete configs, how many tasks and cells it stands for, and what is wrong with it."""

    configs: dict[str, dict[str, Any]]
    tasks: int
    cells: int
    problems: list[Problem]


class ExperimentChanges(BaseModel):
    """What may be changed about an experiment. The fields after `insights` only before it starts."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Prose | None = None
    hypothesis: Prose | None = None
    insights: list[Prose] | None = Field(None, max_length=100)
    spec: ExperimentSpec | None = None


def experiment_check(*, spec: ExperimentSpec) -> Checked:
    """Whether an experiment could run as described, and how large it would be."""
    configs, problems = check_configs(spec.strategy_configs)
    tasks = tasks_matching(spec.task_selection_criteria).count()
    problems += _task_problems(spec.task_selection_criteria, tasks)
    cells = tasks * len(spec.strategy_configs) * len(spec.seeds)
    if cells > MAX_CELLS:
        problems.append(
            Problem(
                "task_selection_criteria",
                f"{tasks} tasks × {len(spec.strategy_configs)} strategies × {len(spec.seeds)} seeds are {cells} cells; "
                f"one experiment holds {MAX_CELLS}. Choose fewer tasks or split it.",
            )
        )
    return Checked(configs=configs, tasks=tasks, cells=cells, problems=problems)


def _task_problems(criteria: TaskCriteria, tasks: int) -> list[Problem]:
    if criteria.task_ids:
        known = set(ArcTask.objects.filter(task_id__in=criteria.task_ids).values_list("task_id", flat=True))
        unknown = [task_id for task_id in criteria.task_ids if task_id not in known]
        if unknown:
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            message = f"There is no task {unknown[0]!r}{more}. Write ids as dataset:id, such as arc1:007bbfb7."
            return [Problem("task_selection_criteria.task_ids", message)]
    if not tasks:
        message = "No task matches. Loosen the criteria, or import tasks first (manage.py import_tasks)."
        return [Problem("task_selection_criteria", message)]
    return []


def refuse(problems: list[Problem]) -> None:
    """Raise the first problem, with all of them in the details."""
    if problems:
        first = problems[0]
        listed = [{"field": problem.field, "error": problem.message} for problem in problems]
        raise Invalid(first.message, field=first.field, details={"errors": listed})


def experiment_create(*, spec: ExperimentSpec, by: User, experiment_id: str | None = None) -> Experiment:
    """A new experiment, not yet started. A fixed `experiment_id` makes it once at most."""
    require_role(by, Role.RESEARCHER)
    checked = experiment_check(spec=spec)
    refuse(checked.problems)
    identity = {"experiment_id": experiment_id} if experiment_id else {}
    return Experiment.objects.create(created_by=by, **identity, **_columns(spec, checked.configs))


def _columns(spec: ExperimentSpec, configs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "description": spec.description,
        "hypothesis": spec.hypothesis,
        "insights": spec.insights,
        "strategy_configs": configs,
        "task_selection": TaskSelection(criteria=spec.task_selection_criteria).stored(),
        "seeds": spec.seeds,
        "seconds_per_task": spec.seconds_per_task,
    }


def spec_of(experiment: Experiment) -> ExperimentSpec:
    """The spec an experiment was made from, for editing and duplicating."""
    return ExperimentSpec(
        name=experiment.name,
        description=experiment.description,
        hypothesis=experiment.hypothesis,
        insights=experiment.insights,
        strategy_configs=experiment.strategy_configs,
        task_selection_criteria=selection_of(experiment).criteria,
        seeds=experiment.seeds,
        seconds_per_task=experiment.seconds_per_task,
    )


def selection_of(experiment: Experiment) -> TaskSelection:
    """The stored selection of tasks, parsed."""
    return TaskSelection.model_validate(experiment.task_selection)


@transaction.atomic
def experiment_update(*, experiment: Experiment, changes: ExperimentChanges, by: User) -> Experiment:
    """Change the words at any time, and what is asked (`changes.spec`) before the start."""
    require_owner(by, experiment.created_by_id)
    columns = changes.model_dump(exclude={"spec"}, exclude_none=True)
    guard = Experiment.objects.filter(pk=experiment.pk)
    if changes.spec is not None:
        checked = experiment_check(spec=changes.spec)
        refuse(checked.problems)
        columns = {**_columns(changes.spec, checked.configs), **columns}
        guard = guard.filter(status=ExperimentStatus.CREATED)
    if columns and not guard.update(**columns):
        raise Conflict("This experiment has started, so what it asks is fixed. Duplicate it and change the copy.")
    return experiment_get(experiment_id=experiment.pk)


def experiment_duplicate(*, experiment: Experiment, by: User) -> Experiment:
    """A copy that has not started, owned by whoever asked for it."""
    spec = spec_of(experiment)
    return experiment_create(spec=spec.model_copy(update={"name": f"{spec.name[:190]} (copy)", "insights": []}), by=by)


@transaction.atomic
def experiment_delete(*, experiment: Experiment, by: User) -> None:
    """Remove an experiment with its runs and answers. Strategy metrics and the ledger stay."""
    require_owner(by, experiment.created_by_id)
    # In the order in which cells that end meanwhile take them: else each would wait for the other.
    for rows in (Solve.objects.filter(run__experiment=experiment), ExperimentRun.objects.filter(experiment=experiment)):
        list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk"))
    standing = Experiment.objects.select_for_update().filter(pk=experiment.pk).first()
    if standing is None:
        raise NotFound("This experiment is gone already.")
    if standing.status in (ExperimentStatus.IN_PROGRESS, ExperimentStatus.PAUSED):
        raise Conflict("This experiment is under way. Cancel it first, then delete it.")
    standing.delete()


def experiment_get(*, experiment_id: str) -> Experiment:
    """The experiment of that id."""
    experiment = Experiment.objects.select_related("created_by").filter(pk=experiment_id).first()
    if experiment is None:
        raise NotFound(f"There is no experiment {experiment_id[:60]!r}.")
    return experiment
