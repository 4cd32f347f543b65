"""Forms of the dataset pages. What they mean is decided in the services; these only read and word."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.experiments.engine import registry
from apps.tasks.queries import splits
from apps.training.engine.arc_examples import MAX_ORDERS, MAX_RECOLOURED, ORIENTATIONS, WRITINGS
from apps.training.models import DatasetFormat

_WRITINGS = [(name, writing.title) for name, writing in WRITINGS.items()]


class _About(forms.Form):
    """How a dataset is called."""

    name = forms.CharField(
        label="Name",
        max_length=200,
        help_text="The same name again makes a new version.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        label="Description", required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 2})
    )


class UploadForm(_About):
    """A file."""

    file = forms.FileField(
        label="File",
        help_text="CSV, JSON, JSONL or Parquet, also as .gz or .zip. Of any size: it is sent in pieces.",
    )
    format = forms.ChoiceField(label="Format", required=False, choices=[("", "as it looks"), *DatasetFormat.choices])


class _Tasks(_About):
    splits = forms.MultipleChoiceField(
        label="Tasks", required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen means all there are."
    )
    limit = forms.IntegerField(label="At most so many tasks", required=False, min_value=1, max_value=10_000_000)
    writing = forms.ChoiceField(label="Grids are written as", choices=_WRITINGS, initial="digits")
    max_characters = forms.IntegerField(
        label="Longest example, in characters", initial=20_000, min_value=100, max_value=1_000_000
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["splits"]
        field.choices = [(split.name, f"{split.dataset} {split.source} ({split.count:,})") for split in splits()]

    def _criteria(self) -> dict[str, Any]:
        chosen = [name.partition("/") for name in self.cleaned_data["splits"]]
        return {
            "datasets": sorted({dataset for dataset, _, _ in chosen}),
            "sources": sorted({source for _, _, source in chosen}),
            "limit": self.cleaned_data["limit"],
        }

    def _recipe(self, *names: str) -> dict[str, Any]:
        return {
            "tasks": self._criteria(),
            **{name: self.cleaned_data[name] for name in ("writing", "max_characters", *names)},
        }


class TasksForm(_Tasks):
    """ARC tasks."""

    orientations = forms.IntegerField(
        label="Orientations",
        initial=ORIENTATIONS,
        min_value=1,
        max_value=ORIENTATIONS,
        help_text="Turned and mirrored: of eight, so many.",
    )
    recolourings = forms.IntegerField(
        label="Recoloured copies", initial=1, min_value=0, max_value=MAX_RECOLOURED, help_text="Beside the own colours."
    )
    orders = forms.IntegerField(label="Orders of demonstrations", initial=1, min_value=1, max_value=MAX_ORDERS)
    keep_black = forms.BooleanField(label="Black stays black", required=False, initial=True)
    seed = forms.IntegerField(label="Seed", initial=0, min_value=0, max_value=2**53)

    def recipe(self) -> dict[str, Any]:
        """As the service takes it."""
        return self._recipe("orientations", "recolourings", "orders", "keep_black", "seed")


class AnswersForm(_Tasks):
    """Right programs."""

    strategies = forms.MultipleChoiceField(
        label="Strategies", required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen means any."
    )
    every = forms.BooleanField(label="Every different program of a task, not only the first", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["strategies"]
        field.choices = [(name, name) for name in registry.names()]

    def recipe(self) -> dict[str, Any]:
        """As the service takes it."""
        return self._recipe("strategies", "every")


class SplitForm(forms.Form):
    """How much to put aside."""

    fraction = forms.FloatField(label="Share to evaluate on", initial=0.1, min_value=0.0001, max_value=0.9999)
    seed = forms.IntegerField(label="Seed", initial=0, min_value=0, max_value=2**53)


class TokensForm(forms.Form):
    """With which tokenizer."""

    tokenizer = forms.CharField(
        label="Tokenizer",
        initial="terrarium",
        max_length=200,
        help_text="“terrarium” is the house's own; or a folder, or the id of a model.",
    )
