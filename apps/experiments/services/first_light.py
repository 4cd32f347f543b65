"""The experiment a newcomer finds running: forty real training tasks, once."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from apps.core.models import User
from apps.experiments.documents import ExperimentSpec
from apps.experiments.models import Experiment, StrategyMetric
from apps.experiments.services.experiments import experiment_create, experiment_get
from apps.experiments.services.runs import experiment_start
from apps.tasks.criteria import TaskCriteria
from apps.tasks.models import ArcTask

FIRST_LIGHT_ID = "exp_0000000000000000firstlight"
TASKS = 40
SECONDS_PER_TASK = 4.0


def first_experiment_ensure(*, owner: User) -> Experiment | None:
    """Create and start the first experiment in a lab where nothing has been run; None where something has.

    Its id is fixed, so that two starts at once make one. Strategy metrics outlive experiments: somebody who
    deleted theirs does not get this one back.
    """
    if _anything_run():
        return None
    chosen = first_light_tasks()
    if not chosen:
        return None
    spec = ExperimentSpec(
        name="First light",
        hypothesis="A short program over objects, colours and symmetries explains a good share of the training tasks.",
        description=f"{len(chosen)} ARC-AGI-1 training tasks, evenly spread over the set. Made by the first start.",
        strategy_configs={"program_synthesis": {}},
        task_selection_criteria=TaskCriteria(task_ids=chosen),
        seconds_per_task=SECONDS_PER_TASK,
    )
    try:
        with transaction.atomic():
            made = experiment_create(spec=spec, by=owner, experiment_id=FIRST_LIGHT_ID)
            experiment_start(experiment=made, by=owner)
    except IntegrityError:
        return experiment_get(experiment_id=FIRST_LIGHT_ID)
    return experiment_get(experiment_id=FIRST_LIGHT_ID)


def _anything_run() -> bool:
    return Experiment.objects.exists() or StrategyMetric.objects.exists()


def first_light_tasks() -> list[str]:
    """Every tenth task of ARC-AGI-1's training set by id: the same everywhere, easy and hard alike."""
    ids = list(
        ArcTask.objects.filter(dataset="arc1", task_source="training")
        .order_by("task_id")
        .values_list("task_id", flat=True)
    )
    step = max(1, len(ids) // TASKS)
    return ids[::step][:TASKS]
