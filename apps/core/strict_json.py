"""JSON typed into a form, held to the same rules as JSON sent to the API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput, JSONString

from apps.core.edge.text import UnreadableText, UnusableText, read_json


class StrictJSONField(forms.JSONField):
    """A form field whose values every door can read back."""

    def to_python(self, value: Any) -> Any:
        """What was typed; an error says what is wrong and where."""
        if self.disabled or value in self.empty_values or not isinstance(value, str) or isinstance(value, JSONString):
            return super().to_python(value)
        try:
            read = read_json(value)
        except UnreadableText as error:
            raise ValidationError(f"Enter a valid JSON. This is none: {error}.", code="invalid") from None
        except UnusableText as error:
            raise ValidationError(
                f"{error.field}: {error.message}" if error.field else error.message, code="invalid"
            ) from None
        return JSONString(read) if isinstance(read, str) else read

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed stays as it was typed, readable or not."""
        if self.disabled:
            return initial
        return None if data is None else InvalidJSONInput(data)
