"""A training run: transformers' Trainer and peft, from arguments in JSON to the files of a model.

It goes on from the newest whole checkpoint it is told of, and everything it draws by chance comes from the seed, so an
interrupted run and one left alone end in the same weights.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from apps.core.engine.artefacts import Store
from apps.core.engine.folders import put_folder
from apps.training.engine import checkpoints, failures, loading, token_files
from apps.training.engine.checkpoints import Progress
from apps.training.engine.config import Recipe
from apps.training.engine.voice import Voice

TOKENIZER_TEXTS = 500
"""From so many examples a tokenizer is made, where the model is made from nothing."""


def read_examples(path: str | Path) -> Iterator[dict[str, Any]]:
    """The examples of a data set: a line of JSON each."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def train(arguments: Mapping[str, Any], voice: Voice) -> dict[str, Any]:
    """Train as `arguments` say; what came out, in figures, with the hash of the model's folder.

    `recipe` is a `Recipe`; `model` a `loading.Source`; `data` has `train` and perhaps `eval`, paths; `store` is the folder
    of artefacts; `scratch` one for files of this run; `checkpoints` hashes and steps, newest first.
    """
    quiet()
    run = Run(arguments, voice)
    try:
        return run.whole()
    except failures.TrainingFailure:
        raise
    except Exception as error:
        if failures.is_disk_full(error):
            raise failures.disk_full(run.step) from error
        if failures.is_out_of_memory(error):
            error.__traceback__ = None  # it holds the tensors that did not fit
            raise run.out_of_memory() from None
        raise


def quiet() -> None:
    """No progress bars in the log of a job; it has one of its own."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


class Run:
    """The parts of a run, made in order."""

    def __init__(self, arguments: Mapping[str, Any], voice: Voice) -> None:
        self.arguments, self.voice = arguments, voice
        self.recipe = Recipe.model_validate(arguments["recipe"])
        self.store = Store(arguments["store"])
        self.scratch = Path(arguments["scratch"])
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.device = loading.device_of()
        self.trainer: Any = None

    @property
    def step(self) -> int:
        """Where it is."""
        return int(self.trainer.state.global_step) if self.trainer is not None else 0

    def say(self, message: str, level: str = "INFO") -> None:
        """A line of the log."""
        self.voice("log", {"level": level, "message": message})

    def begin(self) -> Path | None:
        """Make ready all that training needs; the folder of the checkpoint it goes on from, if any."""
        from apps.training.engine.trainer import Parts, make_trainer, steps_an_epoch

        going_on = self._restored()
        self.progress = Progress.read(going_on) if going_on else Progress()
        self.tokenizer = self._tokenizer(going_on)
        self.train_rows = self._rows("train")
        self.eval_rows = self._rows("eval") if self.arguments["data"].get("eval") else None
        self.voice("progress", {"fraction": 0.0, "note": "loading the base model"})
        self.model = loading.load_model(self.arguments["model"], self.recipe, self.tokenizer, device=self.device)
        self.learnt, self.parameters = loading.trainable(self.model)
        parts = Parts(
            recipe=self.recipe,
            model=self.model,
            tokenizer=self.tokenizer,
            train_rows=self.train_rows,
            eval_rows=self.eval_rows,
            eval_examples=read_examples(self.arguments["data"]["eval"]) if self.eval_rows is not None else (),
            scratch=self.scratch,
            store=self.store,
            device=self.device,
            voice=self.voice,
        )
        self.trainer, self.listener = make_trainer(parts, self.progress)
        hyper = self.recipe.hyperparameters
        steps = steps_an_epoch(len(self.train_rows), hyper.batch_size, hyper.gradient_accumulation_steps)
        self.voice(
            "plan",
            {
                "total_steps": steps * hyper.num_epochs,
                "parameters": self.parameters,
                "trained_parameters": self.learnt,
                "tokens": self.train_rows.counts.tokens,
                "device": self.device,
            },
        )
        return going_on

    def whole(self) -> dict[str, Any]:
        """All of it."""
        from apps.training.engine.listening import peak_memory_gb, perplexity

        going_on = self.begin()
        self.trainer.train(resume_from_checkpoint=str(going_on) if going_on else None)
        progress = self.progress
        model = self._finished(progress)
        shutil.rmtree(self.scratch, ignore_errors=True)
        loss = progress.best_loss if self._best_is_model(progress) else progress.last_eval_loss
        return {
            "model": model,
            "ended": self.listener.ended or "completed",
            "steps": self.step,
            "epochs": float(self.trainer.state.epoch or 0.0),
            "train_loss": progress.last_train_loss,
            "eval_loss": loss,
            "perplexity": perplexity(loss) if loss is not None and math.isfinite(loss) else None,
            "best_step": progress.best_step,
            "tokens": progress.tokens,
            "training_seconds": progress.seconds,
            "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
            "parameters": self.parameters,
            "trained_parameters": self.learnt,
            **peak_memory_gb(),
        }

    # --- before ---------------------------------------------------------------------------------------------------------

    def _restored(self) -> Path | None:
        known = [(str(sha256), int(step)) for sha256, step in self.arguments.get("checkpoints", [])]
        target = self.scratch / "going-on"
        found = checkpoints.restore(self.store, known, target, say=lambda message: self.say(message, "WARNING"))
        if found is None:
            if known:
                self.say("No checkpoint is whole: the run begins anew.", "ERROR")
            return None
        self.say(f"Going on from the checkpoint of step {found[1]:,}.")
        return target

    def _tokenizer(self, going_on: Path | None) -> Any:
        texts: list[str] = []
        if "size" in self.arguments["model"]:
            first = itertools.islice(read_examples(self.arguments["data"]["train"]), TOKENIZER_TEXTS)
            texts = [json.dumps(example, ensure_ascii=False) for example in first]
        return loading.load_tokenizer(self.arguments["model"], texts, kept=going_on)

    def _rows(self, part: str) -> token_files.TokenFile:
        path = str(self.arguments["data"][part])
        length = self.recipe.hyperparameters.max_seq_length
        spelled = json.dumps([path, length, self.tokenizer.get_vocab(), self.tokenizer.chat_template], sort_keys=True)
        folder = self.scratch / f"{part}-{hashlib.sha256(spelled.encode()).hexdigest()[:16]}"
        if not (folder / "counts.json").exists():
            self.voice("progress", {"fraction": 0.0, "note": f"reading the {part} set"})
            token_files.write(folder, read_examples(path), self.tokenizer, max_length=length)
        packed = self.recipe.options.packing and part == "train"
        rows = token_files.TokenFile(folder, packed_to=length if packed else None)
        counts = rows.counts
        self.say(
            f"{part}: {counts.examples:,} examples, {counts.tokens:,} tokens, {counts.learnt:,} of them learnt, "
            f"{len(rows):,} rows"
        )
        if counts.cut or counts.dropped:
            self.say(
                f"{part}: {counts.cut:,} examples are longer than {length:,} tokens and were cut; "
                f"{counts.dropped:,} were left out, since nothing to learn is within it.",
                "WARNING",
            )
        return rows

    # --- after ----------------------------------------------------------------------------------------------------------

    def _best_is_model(self, progress: Progress) -> bool:
        return bool(self.recipe.options.keep_best and progress.best_sha256)

    def _finished(self, progress: Progress) -> dict[str, Any]:
        """The files of the model: of the best checkpoint, or as the last step left it."""
        folder = self.scratch / "model"
        shutil.rmtree(folder, ignore_errors=True)
        if self._best_is_model(progress) and progress.best_step != self.step:
            best = self.scratch / "best"
            if checkpoints.restore(
                self.store,
                [(progress.best_sha256, progress.best_step or 0)],
                best,
                say=lambda message: self.say(message, "WARNING"),
            ):
                checkpoints.model_files(best, folder)
        if not folder.exists():
            self.trainer.save_model(str(self.scratch / "last"))
            checkpoints.model_files(self.scratch / "last", folder)
        stored, whole = put_folder(self.store, folder)
        return {"sha256": str(stored.sha256), "size_bytes": whole.size}

    def out_of_memory(self) -> failures.OutOfMemory:
        """Try smaller batches, each a whole step, until one fits."""
        asked = self.recipe.hyperparameters
        fits, rows = None, getattr(self, "train_rows", None)
        length = int(rows.lengths.max()) if rows is not None else asked.max_seq_length
        smaller = asked.batch_size // 2
        while self.trainer is not None and rows is not None and smaller >= 1:
            gc.collect()
            try:
                self.trainer.try_step(rows, smaller)
            except Exception as error:
                if not failures.is_out_of_memory(error):
                    break
                smaller //= 2
            else:
                fits = smaller
                break
        return failures.out_of_memory(
            batch_size=asked.batch_size, fits=fits, accumulation=asked.gradient_accumulation_steps, length=length
        )
