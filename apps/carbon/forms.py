"""The form of a budget. What it means is decided in the services; this reads and words."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.carbon.models import Scope
from apps.core.access import require_role
from apps.core.errors import Forbidden
from apps.core.models import Role, User

UNIT_WORDS = [
    ("dollars", "Dollars"),
    ("kwh", "Energy, kWh"),
    ("gco2e", "Emissions, g CO2e"),
    ("tokens", "Tokens"),
    ("core_seconds", "Core-seconds"),
]
PERIOD_WORDS = [("month", "a month"), ("week", "a week"), ("day", "a day"), ("all", "in all")]
_FOR_ALL = [
    (Scope.USER, "My own work"),
    (Scope.EXPERIMENT, "One run of an experiment"),
    (Scope.JOB, "One job"),
    (Scope.TASK, "One task"),
]
_FOR_ADMINS = [
    (Scope.LAB, "The whole lab"),
    *_FOR_ALL,
    (Scope.STRATEGY, "One strategy"),
    (Scope.CATEGORY, "One category, such as solving"),
]


class BudgetForm(forms.Form):
    """A new budget."""

    name = forms.CharField(max_length=120)
    limit = forms.FloatField(min_value=0, help_text="What is used beyond it waits: work pauses at a checkpoint.")
    unit = forms.ChoiceField(choices=UNIT_WORDS)
    period = forms.ChoiceField(choices=PERIOD_WORDS)
    scope = forms.ChoiceField(label="Whose use", choices=_FOR_ALL)
    scope_key = forms.CharField(
        label="Its id", required=False, max_length=120, help_text="Of the run, job, task, strategy or category."
    )

    def __init__(self, *args: Any, by: User, **more: Any) -> None:
        super().__init__(*args, **more)
        self._by = by
        try:
            require_role(by, Role.ADMIN)
        except Forbidden:
            return
        self.fields["scope"] = forms.ChoiceField(label="Whose use", choices=_FOR_ADMINS)

    def values(self) -> dict[str, Any]:
        """As the service takes them."""
        values = dict(self.cleaned_data)
        if values["scope"] == Scope.USER:
            values["scope_key"] = self._by.pk
        elif values["scope"] == Scope.LAB:
            values["scope_key"] = ""
        return values
