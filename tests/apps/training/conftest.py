"""People and datasets for these tests."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password

from apps.core.models import Role, User


def person(name: str, role: str) -> User:
    """A member who can sign in."""
    return User.objects.create(username=name, role=role, password=make_password(None))


@pytest.fixture
def owner(db: None) -> User:
    """Owns what the tests make."""
    return person("owner", Role.RESEARCHER)


@pytest.fixture
def teammate(db: None) -> User:
    """Another researcher of the lab."""
    return person("teammate", Role.RESEARCHER)


@pytest.fixture
def viewer(db: None) -> User:
    """Looks only."""
    return person("viewer", Role.VIEWER)
