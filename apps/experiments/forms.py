"""The page on which an experiment is put together: reads what was typed, keeps it, and puts each complaint at its field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from pydantic import ValidationError

from apps.experiments.documents import MAX_SECONDS, MIN_SECONDS, ExperimentSpec
from apps.experiments.kept_criteria import FIELDS, kept, kept_choices, with_kept
from apps.experiments.services import Checked, experiment_check
from apps.experiments.strategies import Problem, StrategyInfo, available, words
from apps.experiments.strategy_forms import config_form, config_of
from apps.tasks.criteria import TaskCriteria
from apps.tasks.models import Difficulty, TaskSource
from apps.tasks.queries import family_choices

_FIELDS = {
    "task_selection_criteria.task_ids": "task_ids",
    "task_selection_criteria": "how",
    "strategy_configs": "strategies",
}
"""Where a complaint about part of the spec is shown; the others are called the same."""


class ExperimentForm(forms.Form):
    """Everything but the strategies' own options."""

    name = forms.CharField(
        max_length=200,
        label="Name",
        help_text="What you will look for in the list.",
        error_messages={"required": "Give it a name.", "max_length": "Keep the name to 200 characters."},
    )
    hypothesis = forms.CharField(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What you expect, so that the result can say yes or no.",
    )
    description = forms.CharField(required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 2}))
    strategies = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose at least one strategy."}
    )
    how = forms.ChoiceField(
        label="Choose tasks",
        choices=[("criteria", "By what they are"), ("list", "By their ids")],
        widget=forms.RadioSelect,
        initial="criteria",
    )
    datasets = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    sources = forms.MultipleChoiceField(
        label="Splits", required=False, choices=TaskSource.choices, widget=forms.CheckboxSelectMultiple
    )
    difficulties = forms.MultipleChoiceField(
        label="Difficulty", required=False, choices=Difficulty.choices, widget=forms.CheckboxSelectMultiple
    )
    families = forms.MultipleChoiceField(label="Family", required=False, widget=forms.SelectMultiple(attrs={"size": 4}))
    search = forms.CharField(label="Id contains", required=False, max_length=100)
    max_side = forms.IntegerField(
        label="Largest grid", required=False, min_value=1, max_value=30, help_text="No side longer than this."
    )
    solved = forms.ChoiceField(
        label="Solved before",
        required=False,
        choices=[("", "Does not matter"), ("ever", "By some strategy"), ("never", "By none yet")],
    )
    sample = forms.IntegerField(
        label="Draw at random",
        required=False,
        min_value=1,
        max_value=10_000,
        help_text="This many of those that match.",
    )
    limit = forms.IntegerField(
        label="First only", required=False, min_value=1, max_value=50_000, help_text="The first so many by id."
    )
    task_ids = forms.CharField(
        label="Task ids",
        required=False,
        max_length=2_000_000,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
        help_text="One a line or separated by spaces, with the dataset: arc1:007bbfb7.",
    )
    also = forms.MultipleChoiceField(
        label="And", required=False, widget=forms.CheckboxSelectMultiple, help_text="Kept from where this was copied."
    )
    seeds = forms.CharField(
        initial="0",
        max_length=2000,
        help_text="Whole numbers; ranges as 0-4. Each seed is a further run of every cell.",
    )
    seconds_per_task = forms.FloatField(
        label="Budget a task, in seconds of steps",
        initial=10,
        min_value=MIN_SECONDS,
        max_value=MAX_SECONDS,
        help_text="Search steps, written as the seconds they take on the reference core: the same answers on every "
        "machine, in more or fewer seconds of its own.",
        error_messages={"required": "Say how much effort a task may take."},
    )

    def __init__(
        self,
        *args: Any,
        strategies: list[StrategyInfo],
        datasets: list[str],
        also: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["also"].choices = kept_choices(also)  # type: ignore[attr-defined]
        self.use_required_attribute = False
        self.fields["families"].choices = list(family_choices())  # type: ignore[attr-defined]
        self.fields["seeds"].error_messages["required"] = "Name at least one seed, such as 0."
        self.fields["strategies"].choices = [(info.name, info.title) for info in strategies]  # type: ignore[attr-defined]
        self.fields["datasets"].choices = [(name, name) for name in datasets]  # type: ignore[attr-defined]

    def clean_seeds(self) -> list[int]:
        """The seeds, ranges spelled out."""
        return read_seeds(self.cleaned_data["seeds"])


def read_seeds(text: str) -> list[int]:
    """`0, 3, 5-7` as numbers."""
    seeds: list[int] = []
    for part in re.split(r"[\s,;]+", text.strip()):
        span = re.fullmatch(r"(\d{1,10})(?:-(\d{1,10}))?", part)
        if span is None:
            raise forms.ValidationError(f"{part[:20]!r} is not a seed. Write whole numbers, such as 0, 1 or 0-4.")
        low, high = int(span[1]), int(span[2] or span[1])
        if high < low:
            raise forms.ValidationError(f"{part!r} runs backwards. Write {high}-{low}.")
        if high - low > 1000:
            raise forms.ValidationError(f"{part!r} names too many seeds; take fewer.")
        seeds.extend(range(low, high + 1))
    return sorted(set(seeds))


class Draft:
    """What a person has typed so far: the form, each strategy's options, and, where it can be made, the spec."""

    def __init__(
        self,
        *,
        datasets: list[str],
        data: QueryDict | None = None,
        spec: ExperimentSpec | None = None,
        preset: Mapping[str, Any] | None = None,
    ) -> None:
        self.infos = available()
        chosen = spec.strategy_configs if spec else {}
        initial = {**_initial(spec, self.infos), **(preset or {})}
        also = data.getlist("also") if data is not None else initial.get("also", ())
        self.form = ExperimentForm(data, strategies=self.infos, datasets=datasets, also=also, initial=initial)
        self.configs = {info.name: config_form(info, data, chosen.get(info.name, {})) for info in self.infos}
        self.spec: ExperimentSpec | None = None
        self.checked: Checked | None = None

    @property
    def strategy_parts(self) -> list[dict[str, Any]]:
        """Each strategy with whether it is chosen and its options, for the page."""
        chosen = self.form["strategies"].value() or []
        return [{"info": i, "chosen": i.name in chosen, "form": self.configs[i.name]} for i in self.infos]

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with what was typed, by the name of the field on the page."""
        found = {name: str(errors[0]) for name, errors in self.form.errors.items()}
        for form in self.configs.values():
            if form.is_bound:
                found.update({form.add_prefix(name): str(errors[0]) for name, errors in form.errors.items()})
        return found

    def check(self) -> bool:
        """Make the spec and look it over; complaints stand at their fields. Whether there are none."""
        form = self.form
        form.is_valid()
        chosen = [name for name in form.cleaned_data.get("strategies", []) if name in self.configs]
        if form.errors or any(not self.configs[name].is_valid() for name in chosen):
            return False
        try:
            self.spec = self._spec(chosen)
        except ValidationError as error:
            self._complain(words(error, ""))
            return False
        self.checked = experiment_check(spec=self.spec)
        self._complain(self.checked.problems)
        return not self.checked.problems

    def _spec(self, chosen: list[str]) -> ExperimentSpec:
        typed = self.form.cleaned_data
        return ExperimentSpec(
            name=typed["name"],
            hypothesis=typed["hypothesis"],
            description=typed["description"],
            strategy_configs={name: config_of(self.configs[name]) for name in chosen},
            task_selection_criteria=_criteria(typed),
            seeds=typed["seeds"],
            seconds_per_task=typed["seconds_per_task"],
        )

    def _complain(self, problems: list[Problem]) -> None:
        for problem in problems:
            top, _, rest = problem.field.partition(".")
            strategy, _, option = rest.partition(".")
            if top == "strategy_configs" and strategy in self.configs:
                form = self.configs[strategy]
                form.add_error(option if option in form.fields else None, problem.message)
                continue
            field = _FIELDS.get(problem.field, _FIELDS.get(top, problem.field.rpartition(".")[2]))
            self.form.add_error(field if field in self.form.fields else None, problem.message)


def _criteria(typed: Mapping[str, Any]) -> TaskCriteria:
    if typed["how"] == "list":
        ids = typed["task_ids"].strip()
        return with_kept({"task_ids": re.split(r"[\s,;]+", ids) if ids else []}, typed["also"])
    return with_kept({name: typed[name] for name in FIELDS if typed[name] not in (None, "", [])}, typed["also"])


def _initial(spec: ExperimentSpec | None, infos: list[StrategyInfo]) -> dict[str, Any]:
    if spec is None:
        return {"strategies": [info.name for info in infos[:1]], "datasets": ["arc1"], "sources": ["training"]}
    criteria = spec.task_selection_criteria
    return {
        "name": spec.name,
        "hypothesis": spec.hypothesis,
        "description": spec.description,
        "strategies": list(spec.strategy_configs),
        "how": "list" if criteria.task_ids is not None else "criteria",
        "task_ids": "\n".join(criteria.task_ids or []),
        "also": kept(criteria),
        **criteria.model_dump(mode="json", exclude={"task_ids"}),
        "seeds": ", ".join(str(seed) for seed in spec.seeds),
        "seconds_per_task": spec.seconds_per_task,
    }
