"""The kind of job that trains a model, and the queue its jobs wait in."""

KIND = "training"
QUEUE = "gpu"
