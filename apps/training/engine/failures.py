"""What can go wrong in training, each with a code and a remedy. Whoever watches reads these words and nothing else."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

from apps.core.engine.artefacts import NoRoom


class TrainingFailure(Exception):
    """Training cannot go on as it was asked for; trying again would not help."""

    code = "training_failed"
    retryable = False


class OutOfMemory(TrainingFailure):
    """More memory is needed than there is."""

    code = "out_of_memory"


class NotFinite(TrainingFailure):
    """The loss is no number any more."""

    code = "loss_not_finite"


class UnknownModule(TrainingFailure):
    """A target module that the model does not have."""

    code = "unknown_target_module"


class NoSuchModel(TrainingFailure):
    """There is no such base model, or it cannot be had from here."""

    code = "no_such_model"


class UnsafeModel(TrainingFailure):
    """A model in a form that may run code when it is read."""

    code = "unsafe_model"


class DiskFull(TrainingFailure):
    """A checkpoint or the tokens of the data set found no room."""

    code = "disk_full"


def out_of_memory(*, batch_size: int, fits: int | None, accumulation: int, length: int) -> OutOfMemory:
    """In words, with the batch size that would have fitted."""
    asked = f"A batch of {batch_size} with rows of up to {length:,} tokens does not fit into memory."
    if fits:
        same = max(1, round(batch_size * accumulation / fits))
        return OutOfMemory(
            f"{asked} A batch_size of {fits} fits: with gradient_accumulation_steps {same} each step learns from as "
            f"many examples as before."
        )
    return OutOfMemory(
        f"{asked} Nor does a single row: lower max_seq_length, turn gradient_checkpointing on, choose the method "
        "qlora, or a smaller base model."
    )


def not_finite(*, loss: float, step: int, learning_rate: float, kept: int | None) -> NotFinite:
    """In words, with the step."""
    where = f"The checkpoint of step {kept:,} is whole; fork from it" if kept else "Start again"
    return NotFinite(
        f"The loss became {loss} at step {step:,} (learning rate {learning_rate:.3g}). {where} with a lower "
        "learning_rate, more warmup_steps or a lower max_grad_norm; where the precision is fp16, take bf16."
    )


def unknown_modules(wanted: Iterable[str], known: Iterable[str]) -> UnknownModule | None:
    """In words, with names that are near; None when all are known."""
    known = sorted(set(known))
    missing = [name for name in wanted if name not in known]
    if not missing:
        return None
    said = []
    for name in missing:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        said.append(f"{name!r}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    return UnknownModule(
        f"This model has no module {', '.join(said)}. It has {', '.join(known[:20])}. Correct target_modules."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, of the machine or of an accelerator."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in str(error) or "out of memory" in str(error).lower()
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether an error means that a file found no room."""
    if isinstance(error, NoRoom):
        return True
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    words = str(error)
    return "No space left on device" in words or "unexpected pos" in words  # safetensors, and torch's zip writer


def disk_full(step: int) -> DiskFull:
    """In words."""
    return DiskFull(
        f"There is no room left to write what step {step:,} needs. What was kept before is whole. Free space, or lower "
        "save_total_limit or raise save_steps, then resume."
    )
