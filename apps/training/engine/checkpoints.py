"""Checkpoints in the store: kept whole or not at all, found damaged by their hashes, and which of them may go."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from apps.core.engine.artefacts import ArtefactError, Store
from apps.core.engine.folders import check_out, put_folder

PROGRESS = "progress.json"
MODEL_FILES = (
    "adapter_model.safetensors", "adapter_config.json", "config.json", "generation_config.json", "model*.safetensors",
    "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "chat_template.jinja", "tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json",
)  # fmt: skip
"""What of a checkpoint is the model; the rest is only for going on."""


@dataclass
class Progress:
    """What a run knows beside weights and optimizer, kept with each checkpoint so that going on loses nothing."""

    loss_sum: float = 0.0
    loss_count: int = 0
    window_tokens: int = 0
    window_seconds: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    last_train_loss: float | None = None
    last_eval_loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    best_sha256: str = ""
    evaluations_without_better: int = 0
    early: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Into a checkpoint's folder."""
        (folder / PROGRESS).write_text(json.dumps(asdict(self), sort_keys=True))

    @classmethod
    def read(cls, folder: Path) -> Progress:
        """From a checkpoint's folder."""
        return cls(**json.loads((folder / PROGRESS).read_text()))


def keep(store: Store, folder: Path) -> tuple[str, int]:
    """Put a checkpoint's folder into the store and remove it; its hash and size."""
    stored, whole = put_folder(store, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return str(stored.sha256), whole.size


def restore(
    store: Store, known: Sequence[tuple[str, int]], target: Path, *, say: Callable[[str], None]
) -> tuple[str, int] | None:
    """Check out the newest checkpoint that is whole, `known` being hashes and steps, newest first. None when none is."""
    for sha256, step in known:
        shutil.rmtree(target, ignore_errors=True)
        try:
            check_out(store, sha256, target)
            Progress.read(target)
        except (ArtefactError, OSError, ValueError, TypeError) as error:
            say(f"The checkpoint of step {step:,} is damaged ({error}); the one before it is used.")
            continue
        return sha256, step
    shutil.rmtree(target, ignore_errors=True)
    return None


def removable(steps: Iterable[int], *, limit: int | None, best: int | None) -> list[int]:
    """The steps whose checkpoints may go: beyond `limit`, the oldest first, and never the best or the last."""
    newest_first = sorted(set(steps), reverse=True)
    if limit is None or not newest_first:
        return []
    kept = {newest_first[0]} | ({best} & set(newest_first))
    for step in newest_first:
        if len(kept) >= limit:
            break
        kept.add(step)
    return sorted(set(newest_first) - kept)


def model_files(folder: Path, target: Path) -> None:
    """Copy what is the model out of a checkpoint."""
    target.mkdir(parents=True, exist_ok=True)
    for pattern in MODEL_FILES:
        for file in sorted(folder.glob(pattern)):
            shutil.copyfile(file, target / file.name)
