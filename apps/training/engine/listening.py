"""What a run tells while it goes on, and what it does when it is asked to stop: a callback of the Trainer.

Each step's loss is heard, a point is told every `logging_steps` (the mean of the steps since the last), and what a window
holds so far is kept with every checkpoint. So a run that went on from any step tells the same points as one that did not stop.
"""

from __future__ import annotations

import math
import os
import resource
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from apps.core.engine.artefacts import Store
from apps.training.engine import checkpoints, failures
from apps.training.engine.checkpoints import Progress
from apps.training.engine.config import Recipe
from apps.training.engine.sampling import Sampler
from apps.training.engine.voice import Voice

GIB = 1024**3


class Listener(TrainerCallback):  # type: ignore[misc]  # transformers is not followed
    """Reports points, checkpoints and samples; hears pause, cancel, stop early and release."""

    def __init__(
        self, *, voice: Voice, recipe: Recipe, store: Store, progress: Progress, sampler: Sampler | None
    ) -> None:
        self._voice, self._recipe, self._store, self._sampler = voice, recipe, store, sampler
        self.progress = progress
        self.tokens_of_step = 0
        self.leaving = False
        self.ended = "early_stopping" if progress.early else ""
        self.kept_step: int | None = None
        self._since = time.monotonic()
        self._learning_rate = 0.0

    # --- the clock counts training, not evaluating and saving ---------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = time.monotonic()
        if self.progress.early:
            control.should_training_stop = True

    def _stop_clock(self) -> None:
        spent = time.monotonic() - self._since
        self.progress.window_seconds += spent
        self.progress.seconds += spent

    def _start_clock(self) -> None:
        self._since = time.monotonic()

    # --- steps --------------------------------------------------------------------------------------------------------

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        asked = self._voice.asked()
        if asked == "cancel":
            self._voice.stop()
        if asked == "stop_early":
            control.should_training_stop = control.should_save = True
            control.should_evaluate = control.should_evaluate or args.eval_strategy != "no"
            self.ended = self.ended or "stop_early"
        elif asked:
            control.should_save = self.leaving = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        state.log_history.clear()  # the lab keeps the curves; a checkpoint need not
        if not logs or "loss" not in logs or "grad_norm" not in logs:
            return
        now, loss = self.progress, float(logs["loss"])
        now.loss_sum += loss
        now.loss_count += 1
        now.window_tokens += self.tokens_of_step
        now.tokens += self.tokens_of_step
        self.tokens_of_step = 0
        self._learning_rate = float(logs["learning_rate"])
        finite = math.isfinite(loss)
        last = state.global_step >= state.max_steps
        if state.global_step % self._recipe.hyperparameters.logging_steps == 0 or last or not finite:
            self._tell(state, float(logs["grad_norm"]))
        if not finite:
            raise failures.not_finite(
                loss=loss, step=state.global_step, learning_rate=self._learning_rate, kept=self.kept_step
            )

    def _tell(self, state: Any, grad_norm: float) -> None:
        now = self.progress
        self._stop_clock()
        now.last_train_loss = now.loss_sum / now.loss_count
        point: dict[str, Any] = {
            "step": state.global_step,
            "train_loss": now.last_train_loss,
            "learning_rate": self._learning_rate,
            "grad_norm": grad_norm,
            "epoch": float(state.epoch or 0.0),
            "tokens_seen": now.tokens,
            "tokens_per_second": now.window_tokens / max(now.window_seconds, 1e-9),
            **memory(),
        }
        self._voice("metrics", point)
        note = f"step {state.global_step:,} of {state.max_steps:,} · loss {now.last_train_loss:.4g}"
        self._voice("progress", {"fraction": state.global_step / max(1, state.max_steps), "note": note})
        self._voice("usage", {"tokens": now.window_tokens})
        now.loss_sum, now.loss_count, now.window_tokens, now.window_seconds = 0.0, 0, 0, 0.0
        self._start_clock()

    # --- evaluations --------------------------------------------------------------------------------------------------

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, Any] | None = None, model: Any = None, **_: Any
    ) -> None:
        loss = float((metrics or {}).get("eval_loss", math.nan))
        now, options = self.progress, self._recipe.options
        now.last_eval_loss = loss
        self._voice("metrics", {"step": state.global_step, "eval_loss": loss, "perplexity": perplexity(loss)})
        if self._sampler is not None:
            self._voice("samples", {"step": state.global_step, "samples": self._sampler.answers(model)})
        if now.best_loss is None or loss < now.best_loss - options.early_stopping_threshold:
            now.best_loss, now.best_step, now.evaluations_without_better = loss, state.global_step, 0
            control.should_save = True  # the best is a checkpoint, or it could not be the model
        else:
            now.evaluations_without_better += 1
            if options.early_stopping_patience and now.evaluations_without_better >= options.early_stopping_patience:
                control.should_training_stop = control.should_save = now.early = True
                self.ended = self.ended or "early_stopping"
        self._start_clock()

    # --- checkpoints --------------------------------------------------------------------------------------------------

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = self.progress
        self._stop_clock()
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        now.write(folder)
        sha256, size = checkpoints.keep(self._store, folder)
        self.kept_step = state.global_step
        if now.best_step == state.global_step:
            now.best_sha256 = sha256
        self._voice.checkpoint(
            step=state.global_step,
            artefact=sha256,
            size_bytes=size,
            fraction=min(1.0, state.global_step / max(1, state.max_steps)),
            state={
                "loss": now.last_train_loss if now.loss_count == 0 else now.loss_sum / now.loss_count,
                "eval_loss": now.last_eval_loss,
                "best_step": now.best_step,
            },
        )
        self._start_clock()
        if self.leaving:
            self._voice.stop()


def perplexity(loss: float) -> float:
    """e to the loss; infinite where that is beyond all numbers."""
    return math.exp(loss) if loss < 700 else math.inf


def memory() -> dict[str, float]:
    """What the run holds now, in GB: of an accelerator where it has one, and of the machine."""
    import torch

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    held = {"memory_gb": pages * os.sysconf("SC_PAGE_SIZE") / GIB}
    if torch.cuda.is_available():
        held["gpu_memory_used_gb"] = torch.cuda.memory_reserved() / GIB
    return held


def peak_memory_gb() -> dict[str, float | None]:
    """The most it held."""
    import torch

    gpu = torch.cuda.max_memory_reserved() / GIB if torch.cuda.is_available() else None
    return {
        "memory_peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        "gpu_memory_peak_gb": gpu,
    }
