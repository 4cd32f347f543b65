"""The Trainer of transformers as our runs need it: an order of examples that can be taken up anywhere, and counted tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments

from apps.core.engine.artefacts import Store
from apps.training.engine import loading, token_files
from apps.training.engine.checkpoints import Progress
from apps.training.engine.config import Recipe
from apps.training.engine.listening import Listener
from apps.training.engine.sampling import Sampler
from apps.training.engine.voice import Voice

OPTIMIZERS = {"adamw": "adamw_torch", "adamw_8bit": "adamw_8bit", "sgd": "sgd"}


@dataclass(frozen=True)
class Parts:
    """What a Trainer is made of."""

    recipe: Recipe
    model: Any
    tokenizer: Any
    train_rows: token_files.TokenFile
    eval_rows: token_files.TokenFile | None
    eval_examples: Iterable[Mapping[str, Any]]
    scratch: Path
    store: Store
    device: str
    voice: Voice


class RunTrainer(Trainer):  # type: ignore[misc]  # transformers is not followed
    """Trains rows of a `TokenFile`."""

    listener: Listener
    order: token_files.EpochOrder

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self.order

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        counted = inputs.pop("tokens", None)
        if counted is not None and self.model.training:
            self.listener.tokens_of_step += int(counted)
        return super()._prepare_inputs(inputs)  # type: ignore[no-any-return]

    def try_step(self, rows: token_files.TokenFile, batch_size: int) -> None:
        """A step over the longest rows there are, optimizer included, to see whether it fits into memory."""
        self.model.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        longest = sorted(range(len(rows)), key=lambda row: -int(rows.lengths[row]))[:batch_size]
        longest = (longest * batch_size)[:batch_size]
        batch = self._prepare_inputs(self.data_collator([rows[row] for row in longest]))
        self.training_step(self.model, batch)
        if self.optimizer is not None:
            self.optimizer.step()
        self.model.zero_grad(set_to_none=True)


class Collator:
    """Rows to tensors."""

    def __init__(self, *, pad: int, packed: bool) -> None:
        self._pad, self._packed = pad, packed

    def __call__(self, rows: list[Any]) -> dict[str, Any]:
        batch = {
            name: torch.from_numpy(part)
            for name, part in token_files.collate(rows, pad=self._pad, packed=self._packed).items()
        }
        return {**batch, "tokens": torch.tensor(sum(len(tokens) for row in rows for tokens, _ in row))}


def make_trainer(run: Parts, progress: Progress) -> tuple[RunTrainer, Listener]:
    """A Trainer for this run, and who listens to it."""
    sampler = None
    options, hyper = run.recipe.options, run.recipe.hyperparameters
    if run.eval_rows is not None and options.samples:
        sampler = Sampler(
            run.tokenizer,
            run.eval_examples,
            count=options.samples,
            tokens=options.sample_tokens,
            length=hyper.max_seq_length,
        )
    listener = Listener(voice=run.voice, recipe=run.recipe, store=run.store, progress=progress, sampler=sampler)
    trainer = RunTrainer(
        model=run.model,
        args=arguments_of(run),
        train_dataset=run.train_rows,
        eval_dataset=run.eval_rows,
        data_collator=Collator(pad=run.tokenizer.pad_token_id, packed=options.packing),
        processing_class=run.tokenizer,
        callbacks=[listener],
    )
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    trainer.listener = listener
    trainer.order = token_files.EpochOrder(
        len(run.train_rows),
        seed=options.seed,
        lengths=run.train_rows.lengths if options.group_by_length else None,
        batch=run.recipe.rows_a_step,
    )
    return trainer, listener


def steps_an_epoch(rows: int, batch_size: int, accumulation: int) -> int:
    """Optimizer steps in an epoch."""
    return math.ceil(math.ceil(rows / batch_size) / accumulation)


def arguments_of(run: Parts) -> TrainingArguments:
    """What the recipe means in transformers' words."""
    hyper, options = run.recipe.hyperparameters, run.recipe.options
    an_epoch = steps_an_epoch(len(run.train_rows), hyper.batch_size, hyper.gradient_accumulation_steps)
    precision = loading.precision_of(run.recipe, run.device)
    schedule = hyper.lr_scheduler_type
    if schedule == "constant" and hyper.warmup_steps:
        schedule = "constant_with_warmup"
    return TrainingArguments(
        output_dir=str(run.scratch),
        num_train_epochs=hyper.num_epochs,
        per_device_train_batch_size=hyper.batch_size,
        per_device_eval_batch_size=hyper.batch_size,
        gradient_accumulation_steps=hyper.gradient_accumulation_steps,
        learning_rate=hyper.learning_rate,
        warmup_steps=hyper.warmup_steps,
        weight_decay=hyper.weight_decay,
        max_grad_norm=hyper.max_grad_norm,
        optim=OPTIMIZERS[hyper.optimizer],
        lr_scheduler_type=schedule,
        seed=options.seed,
        data_seed=options.seed,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=run.device == "cpu",
        activation_checkpointing=options.gradient_checkpointing,
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if run.eval_rows is not None else "no",
        eval_steps=hyper.eval_steps or an_epoch,
        save_strategy="steps",
        save_steps=hyper.save_steps or 100,
        save_total_limit=None,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=run.device == "cuda",
        prediction_loss_only=True,
        report_to=[],
        disable_tqdm=True,
    )
