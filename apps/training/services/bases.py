"""What a base model's name means: a size to make, a registered model, a folder of this lab, or an id of a hub."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from apps.core.errors import Invalid
from apps.training import ports
from apps.training.engine.base_models import SIZES
from apps.training.ports import Base

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def base_of(name: str) -> Base:
    """The base model of that name; `Invalid` says what may stand there."""
    if name in SIZES:
        return Base({"size": name, "name": name})
    registered = ports.find(name)
    if registered is not None:
        return registered
    folder = _folder(name)
    if folder is not None:
        return Base({"folder": str(folder), "name": name})
    if _HUB_ID.fullmatch(name):
        return Base({"hub": name, "name": name})
    raise Invalid(
        f"There is no model {name[:80]!r}: name a registered model, a folder below {settings.CONFIG.models_path}, "
        f"an id of a hub (owner/name), or a size to make from nothing ({', '.join(SIZES)}).",
        field="base_model",
    )


def _folder(name: str) -> Path | None:
    """A folder with a model, only below the lab's folder of models."""
    root = settings.CONFIG.models_path
    try:
        place = (root / name).resolve()
        return place if place != root and place.is_relative_to(root) and (place / "config.json").is_file() else None
    except (OSError, ValueError):
        return None
