"""Writes of the experiments app."""

from apps.experiments.services.cells import on_finish, on_status
from apps.experiments.services.experiments import (
    Checked,
    ExperimentChanges,
    experiment_check,
    experiment_create,
    experiment_delete,
    experiment_duplicate,
    experiment_get,
    experiment_update,
    selection_of,
    spec_of,
)
from apps.experiments.services.first_light import first_experiment_ensure
from apps.experiments.services.lost import lost_cells_close
from apps.experiments.services.runs import (
    cell_retry,
    experiment_cancel,
    experiment_pause,
    experiment_rerun,
    experiment_resume,
    experiment_retry_failed,
    experiment_start,
)

__all__ = [
    "Checked",
    "ExperimentChanges",
    "cell_retry",
    "experiment_cancel",
    "experiment_check",
    "experiment_create",
    "experiment_delete",
    "experiment_duplicate",
    "experiment_get",
    "experiment_pause",
    "experiment_rerun",
    "experiment_resume",
    "experiment_retry_failed",
    "experiment_start",
    "experiment_update",
    "first_experiment_ensure",
    "lost_cells_close",
    "on_finish",
    "on_status",
    "selection_of",
    "spec_of",
]
