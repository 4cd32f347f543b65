"""What is learned from, and what learns."""

from apps.training.models.datasets import (
    Dataset,
    DatasetFormat,
    DatasetOrigin,
    DatasetShape,
    DatasetState,
    DatasetUpload,
)

__all__ = ["Dataset", "DatasetFormat", "DatasetOrigin", "DatasetShape", "DatasetState", "DatasetUpload"]
