"""Runs `bench.training`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import training

LENGTH, BATCH = 256, 4


def examples(count: int) -> list[dict[str, str]]:
    """Grids, each with its mirror image."""
    made = []
    for number in range(count):
        rows = [[(number * 7 + row * 3 + column * number) % 10 for column in range(9)] for row in range(9)]
        shown, wanted = ("\n".join("".join(map(str, row[::way])) for row in rows) for way in (1, -1))
        made.append({"instruction": "Mirror.", "input": shown, "output": wanted})
    return made


def recipe() -> dict[str, Any]:
    """What both train."""
    return {
        "method": "scratch",
        "hyperparameters": {
            "num_epochs": 1, "batch_size": BATCH, "gradient_accumulation_steps": 1, "max_seq_length": LENGTH,
            "optimizer": "adamw", "logging_steps": 10, "save_steps": 100_000, "warmup_steps": 0, "learning_rate": 1e-3,
        },
    }  # fmt: skip


def ours(folder: Path, data: Path, size: str) -> float:
    """Tokens a second of our run, evaluating and saving left out."""
    from apps.training.engine.run import train
    from apps.training.engine.voice import Memory

    arguments = {
        "recipe": recipe(), "model": {"size": size}, "data": {"train": str(data), "eval": None},
        "store": str(folder / "store"), "scratch": str(folder / "run"), "checkpoints": [],
    }  # fmt: skip
    return float(train(arguments, Memory())["tokens_per_second"])


def bare(folder: Path, data: Path, size: str) -> float:
    """Tokens a second of a plain script."""
    from transformers import DataCollatorForSeq2Seq, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    from apps.training.engine.base_models import make_model
    from apps.training.engine.rendering import render
    from apps.training.engine.run import read_examples
    from apps.training.engine.tokenizer import make_tokenizer

    tokenizer = make_tokenizer()
    rows = []
    for example in read_examples(data):
        row = render(tokenizer, example)
        labels = [token if learnt else -100 for token, learnt in zip(row.tokens, row.learnt, strict=True)]
        rows.append({"input_ids": row.tokens[:LENGTH], "labels": labels[:LENGTH]})

    class Clock(TrainerCallback):  # type: ignore[misc]
        began = ended = 0.0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.monotonic()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ended = time.monotonic()

    clock = Clock()
    trainer = Trainer(
        model=make_model(size, tokenizer, seed=0),
        args=TrainingArguments(
            output_dir=str(folder / "bare"), num_train_epochs=1, per_device_train_batch_size=BATCH, learning_rate=1e-3,
            lr_scheduler_type="linear", optim="adamw_torch", weight_decay=0.01, logging_steps=10, save_strategy="no",
            report_to=[], disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
        ),
        train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer),
        callbacks=[clock],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return sum(len(row["input_ids"]) for row in rows) / (clock.ended - clock.began)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=training.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--size", default="llama-1m")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="bench-training-"))
    data = folder / "data.jsonl"
    data.write_text("\n".join(json.dumps(example) for example in examples(options.steps * BATCH)))
    ways = {"ours": ours, "bare": bare}
    figures: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for number in range(-1, options.rounds):  # the first warms up
            for name in sorted(ways, reverse=number % 2 == 0):
                shutil.rmtree(folder / "run", ignore_errors=True)
                found = ways[name](folder, data, options.size)
                if number >= 0:
                    figures[name].append(found)
    finally:
        shutil.rmtree(folder)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, values in figures.items():
        print(f"{name:5} {medians[name]:8.0f} tokens/s   rounds: {', '.join(f'{value:.0f}' for value in values)}")
    ratios = [mine / theirs for mine, theirs in zip(figures["ours"], figures["bare"], strict=True)]
    print(f"ours / bare: {medians['ours'] / medians['bare']:.3f}, by round {', '.join(f'{one:.3f}' for one in ratios)}")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
