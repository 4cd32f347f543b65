"""Forms of the tasks app. What they mean is decided in the services; these only read and word."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.tasks.content import RAW_ID
from apps.tasks.models import TaskSource


class _SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Any number of files; read from the request itself."""

    widget = _SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each file on its own."""
        several = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(_FilesField, self).clean(file, initial) for file in several]


class UploadForm(forms.Form):
    """Task files, or pasted JSON, and where they belong."""

    uploads = _FilesField(
        label="Files",
        required=False,
        allow_empty_file=True,
        max_length=255,
        help_text="Task files, a zip of them, or Kaggle's challenges with their solutions. A task file's name is its id.",
    )
    pasted = forms.CharField(
        label="Or paste JSON",
        required=False,
        strip=True,
        widget=forms.Textarea(
            attrs={"rows": 5, "spellcheck": "false", "class": "mono", "placeholder": '{"train": [...], "test": [...]}'}
        ),
    )
    pasted_id = forms.CharField(
        label="Id of a pasted task", required=False, max_length=80, help_text="Not needed for tasks that come by id."
    )
    dataset = forms.CharField(
        label="Dataset", max_length=32, initial="custom", help_text="Small letters, digits, dots, dashes, underscores."
    )
    task_source = forms.ChoiceField(label="Split", choices=TaskSource.choices)
    dataset_version = forms.CharField(
        label="Version", required=False, max_length=64, help_text="A commit or a date, for your records."
    )

    def clean_pasted_id(self) -> str:
        """An id that could stand in an address."""
        value = str(self.cleaned_data["pasted_id"])
        if value and not RAW_ID.fullmatch(value):
            raise forms.ValidationError("Use letters, digits, dots, dashes and underscores.")
        return value

    def clean(self) -> dict[str, Any]:
        """Something to import."""
        cleaned = super().clean() or {}
        if not cleaned.get("uploads") and not cleaned.get("pasted") and not self.errors:
            raise forms.ValidationError("Choose files or paste JSON.")
        return cleaned
