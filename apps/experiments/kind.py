"""The kind of job that works on a cell, and the queue its jobs wait in."""

KIND = "solve"
QUEUE = "cpu"
