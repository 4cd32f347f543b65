"""Forms of the tasks app. What they mean is decided in the services; these only read and word."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.tasks.engine import names
from apps.tasks.models import TaskSource

AS_SAID = "as read"


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
        help_text="Task files, archives of them (zip, tar.gz, json.gz), lists, JSON lines, or Kaggle's challenges with "
        "their solutions. A task file's name is its id.",
    )
    folder = _FilesField(
        label="Or a folder",
        required=False,
        allow_empty_file=True,
        widget=_SeveralFiles(attrs={"webkitdirectory": True, "data-paths": "paths"}),
        help_text="With everything in it. Folders named training, evaluation or test tell the split.",
    )
    paths = forms.JSONField(required=False, widget=forms.HiddenInput)
    pasted = forms.CharField(
        label="Or paste JSON",
        required=False,
        strip=True,
        widget=forms.Textarea(
            attrs={"rows": 5, "spellcheck": "false", "class": "mono", "placeholder": '{"train": [...], "test": [...]}'}
        ),
    )
    pasted_id = forms.CharField(
        label="Id of a pasted task",
        required=False,
        max_length=names.MAX_CHARACTERS,
        help_text="Not needed for tasks that come by id.",
    )
    dataset = forms.CharField(
        label="Dataset", max_length=32, initial="custom", help_text="Small letters, digits, dots, dashes, underscores."
    )
    task_source = forms.ChoiceField(
        label="Split",
        required=False,
        choices=[("", AS_SAID), *TaskSource.choices],
        help_text="Read from keys, file names and folders; shown before the import.",
    )
    dataset_version = forms.CharField(
        label="Version", required=False, max_length=64, help_text="A commit or a date, for your records."
    )

    def clean_pasted_id(self) -> str:
        """An id that could stand in an address."""
        value = names.composed(str(self.cleaned_data["pasted_id"]))
        if value and (problem := names.name_problem(value)):
            raise forms.ValidationError(f"This cannot be an id, because {problem}: {names.RULE}.")
        return value

    def clean_paths(self) -> list[str]:
        """Where each file of the folder lay in it, as the browser says; the browser's names alone otherwise."""
        value = self.cleaned_data["paths"]
        return [str(path)[:4000] for path in value] if isinstance(value, list) else []

    def clean(self) -> dict[str, Any]:
        """Something to import."""
        cleaned = super().clean() or {}
        some = any(cleaned.get(name) for name in ("uploads", "folder", "pasted"))
        if not some and not self.errors:
            raise forms.ValidationError("Choose files or a folder, or paste JSON.")
        return cleaned
