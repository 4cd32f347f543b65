"""What is learned from, and what learns."""

from apps.training.models.datasets import (
    Dataset,
    DatasetFormat,
    DatasetOrigin,
    DatasetShape,
    DatasetState,
    DatasetUpload,
)
from apps.training.models.jobs import Descent, TrainingCheckpoint, TrainingJob, TrainingStatus

__all__ = [
    "Dataset",
    "DatasetFormat",
    "DatasetOrigin",
    "DatasetShape",
    "DatasetState",
    "DatasetUpload",
    "Descent",
    "TrainingCheckpoint",
    "TrainingJob",
    "TrainingStatus",
]
