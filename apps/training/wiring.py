"""What this app tells the apps below it, once, when Django is ready."""

from __future__ import annotations


def register() -> None:
    """Make kinds of job, live pages and the search known."""
