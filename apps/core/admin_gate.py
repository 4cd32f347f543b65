"""What every admin of ours has in common: junk in an address or a form is refused in words, never a fault."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldDoesNotExist
from django.db import DataError, models
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.strict_json import StrictJSONField

_ASKED_BY_FILTERS = frozenset({"exact", "in", "isnull", "isempty", "gte", "lt", "year", "month", "day"})
_MAX_SEARCH = 200
_JUNK = (ValueError, OverflowError, TypeError, DataError)
"""What a value raises that its column cannot be compared with: by Django, by a driver, or by the database."""


class GatedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django has it generic in its stubs only
    """Base of all admins here."""

    formfield_overrides = {models.JSONField: {"form_class": StrictJSONField}}

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the filters at the side ask: not a regular expression, and no guessing at a column of secrets."""
        return any(self._asks(name, lookup) for name in self._filtered(request))

    def _filtered(self, request: HttpRequest | None) -> list[str]:
        declared = self.list_filter if request is None else self.get_list_filter(request)
        names = [item[0] if isinstance(item, list | tuple) else item for item in declared]
        return [str(name) for name in (*names, self.date_hierarchy) if isinstance(name, str)]

    def _asks(self, name: str, lookup: str) -> bool:
        if lookup == name:
            return True
        if not lookup.startswith(f"{name}__"):
            return False
        parts = lookup.removeprefix(f"{name}__").split("__")
        return parts[-1] in _ASKED_BY_FILTERS and parts[:-1] in ([], [self._target_of(name)])

    def _target_of(self, name: str) -> str:
        """What a filter over another model's rows names them by."""
        try:
            field: Any = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return ""
        return str(field.target_field.name) if field.is_relation else ""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, asked for now: a value that cannot be compared leads back to the list without filters."""
        try:
            self._check_day(request)
            found = super().get_changelist_instance(request)
            found.result_list = (
                list(found.result_list) if isinstance(found.result_list, QuerySet) else found.result_list
            )
        except _JUNK as error:
            messages.warning(request, "The address asked for something this list cannot be filtered by.")
            raise IncorrectLookupParameters from error
        return found

    def _check_day(self, request: HttpRequest) -> None:
        """The bar of years, months and days reads these by itself, after the list."""
        if self.date_hierarchy:
            parts = [request.GET.get(f"{self.date_hierarchy}__{part}") for part in ("year", "month", "day")]
            if any(part is not None for part in parts):
                date(*(int(part or 1) for part in parts))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Of a search a database can make."""
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term[:_MAX_SEARCH])
        return found
