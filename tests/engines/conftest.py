"""Compiling never counts against a test."""

from __future__ import annotations

import pytest

from apps.experiments.engine import registry


@pytest.fixture(scope="session")
def prepared() -> None:
    """Every strategy compiled and loaded, before any clock starts."""
    for name in registry.names():
        registry.get(name).warm()
