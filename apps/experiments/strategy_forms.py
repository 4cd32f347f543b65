"""A strategy's config as a form, drawn from its JSON schema: numbers with limits, choices, switches, text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from apps.core.strict_json import StrictJSONField
from apps.experiments.strategies import StrategyInfo


def config_form(info: StrategyInfo, data: Mapping[str, Any] | None, initial: Mapping[str, Any]) -> forms.Form:
    """The form of one strategy's config; its fields are prefixed with the strategy's name."""
    schema = info.config_schema
    fields = {name: _field(name, _resolved(part, schema)) for name, part in schema.get("properties", {}).items()}
    kind = type("ConfigForm", (forms.Form,), fields)
    form: forms.Form = kind(data, prefix=info.name, initial={**defaults(info), **initial}, use_required_attribute=False)
    return form


def defaults(info: StrategyInfo) -> dict[str, Any]:
    """What each field is when nobody chooses."""
    parts = info.config_schema.get("properties", {})
    return {name: part["default"] for name, part in parts.items() if "default" in part}


def config_of(form: forms.Form) -> dict[str, Any]:
    """What was typed, for the strategy's own schema to judge; an empty field is left to its default."""
    form.is_valid()
    typed = getattr(form, "cleaned_data", {})
    return {name: value for name, value in typed.items() if value not in (None, "")}


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A property with its reference looked up, and `X or null` read as an optional X."""
    merged = dict(part)
    if "$ref" in merged:
        name = str(merged.pop("$ref")).rsplit("/", 1)[-1]
        merged = {**schema.get("$defs", {}).get(name, {}), **merged}
    options = [option for option in merged.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        merged = {**_resolved(options[0], schema), **{k: v for k, v in merged.items() if k != "anyOf"}}
    return merged


def _field(name: str, part: Mapping[str, Any]) -> forms.Field:
    common: dict[str, Any] = {
        "label": _label(name, part),
        "help_text": _help(part),
        "required": False,
    }
    choices = part.get("enum") or ([part["const"]] if "const" in part else None)
    if choices:
        return forms.TypedChoiceField(
            choices=[(value, str(value).replace("_", " ")) for value in choices], coerce=_among(choices), **common
        )
    if part.get("type") == "boolean":
        return forms.BooleanField(**common)
    if part.get("type") == "integer":
        return forms.IntegerField(widget=_number(part, "1"), error_messages=_whole, **common)
    if part.get("type") == "number":
        return forms.FloatField(widget=_number(part, "any"), error_messages=_some, **common)
    if part.get("type") in ("array", "object"):
        return StrictJSONField(widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}), **common)
    return forms.CharField(max_length=part.get("maxLength"), **common)


_whole = {"invalid": "Enter a whole number."}
_some = {"invalid": "Enter a number."}


def _among(choices: list[Any]) -> Any:
    by_text = {str(value): value for value in choices}
    return lambda text: by_text.get(str(text), text)


def _label(name: str, part: Mapping[str, Any]) -> str:
    title = str(part.get("title") or name)
    words = title.replace("_", " ").strip()
    return words[:1].upper() + words[1:].lower() if title == title.title() else words


def _help(part: Mapping[str, Any]) -> str:
    low = part.get("minimum", part.get("exclusiveMinimum"))
    high = part.get("maximum", part.get("exclusiveMaximum"))
    limits = f"{low:g} to {high:g}." if low is not None and high is not None else ""
    limits = limits or (f"At least {low:g}." if low is not None else f"At most {high:g}." if high is not None else "")
    words = str(part.get("description", ""))
    return f"{words} {limits}".strip()


def _number(part: Mapping[str, Any], step: str) -> forms.NumberInput:
    attrs = {"step": step, "inputmode": "decimal" if step == "any" else "numeric"}
    if "minimum" in part:
        attrs["min"] = str(part["minimum"])
    if "maximum" in part:
        attrs["max"] = str(part["maximum"])
    return forms.NumberInput(attrs=attrs)
