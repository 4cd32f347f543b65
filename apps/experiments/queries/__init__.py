"""Reads of the experiments app."""

from apps.experiments.queries.cells import CellDetail, attempts_of, cell_detail, solve_get, tests_of
from apps.experiments.queries.curves import Curve, curves
from apps.experiments.queries.estimates import Estimate, estimate
from apps.experiments.queries.experiments import ExperimentRow, experiments_filtered, owners, rows_of, run_of
from apps.experiments.queries.figures import results_of
from apps.experiments.queries.log import log_lines
from apps.experiments.queries.matrix import SYMBOLS, Cell, Matrix, cells_of_jobs, matrix
from apps.experiments.queries.observatory import (
    Comparison,
    Outcome,
    comparisons,
    recently_finished,
    running,
)
from apps.experiments.queries.progress import (
    Preparation,
    Progress,
    Waiting,
    preparation,
    progress_of,
    slots,
    standings_of,
)
from apps.experiments.queries.submissions import BEST_FIRST, submission_get, submissions_filtered, submissions_of_task
from apps.experiments.queries.truths import TaskContent, task_content

__all__ = [
    "BEST_FIRST",
    "SYMBOLS",
    "Cell",
    "CellDetail",
    "Comparison",
    "Curve",
    "Estimate",
    "ExperimentRow",
    "Matrix",
    "Outcome",
    "Preparation",
    "Progress",
    "TaskContent",
    "Waiting",
    "attempts_of",
    "cell_detail",
    "cells_of_jobs",
    "comparisons",
    "curves",
    "estimate",
    "experiments_filtered",
    "log_lines",
    "matrix",
    "owners",
    "preparation",
    "progress_of",
    "recently_finished",
    "results_of",
    "rows_of",
    "run_of",
    "running",
    "slots",
    "solve_get",
    "standings_of",
    "submission_get",
    "submissions_filtered",
    "submissions_of_task",
    "task_content",
    "tests_of",
]
