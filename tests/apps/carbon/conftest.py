"""The ledger's fixtures: no test sees the prices of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from apps.carbon.queries import budgets_forget, rates_forget
from apps.core.models import Role, User


@pytest.fixture(autouse=True)
def _rates_of_its_own() -> Iterator[None]:
    rates_forget()
    budgets_forget()
    yield
    rates_forget()
    budgets_forget()


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user("ada", password="growing-moss-9", role=Role.ADMIN, is_staff=True)


@pytest.fixture
def researcher(db: None) -> User:
    return User.objects.create_user("rex", password="growing-moss-9", role=Role.RESEARCHER)


@pytest.fixture
def set_config(monkeypatch: pytest.MonkeyPatch) -> Any:
    def change(**values: Any) -> None:
        monkeypatch.setattr(settings, "CONFIG", settings.CONFIG.model_copy(update=values))
        rates_forget()

    return change
