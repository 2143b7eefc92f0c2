"""What every `train` command checks, says and leaves, besides its model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from tensorgrad.errors import CheckpointError, ConfigError, MissingExtra

from . import cli, runs
from .progress import Callback
from .report import draw_losses, read_metrics
from .run_options import RunOptions, as_config
from .text import reason
from .trainer import Outcome, Trainer


def check_memory(weights: int, batch: int, smaller: tuple[str, str]) -> None:
    """ConfigError for a model and a batch (bytes) that can't fit in the machine.

    `smaller` are the options that would help, where the weights or the batch is most.
    """
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return
    if weights + batch > installed:
        raise ConfigError(
            f"training needs at least {(weights + batch) / 2**30:,.0f} GiB (the model "
            f"{weights / 2**30:,.0f}, a batch {batch / 2**30:,.0f}), and the machine "
            f"has {installed / 2**30:,.0f}: choose a smaller {smaller[batch > weights]}"
        )


def train(
    trainer: Trainer,
    options: RunOptions,
    folder: Path,
    finish: Callable[[], None],
    resumed: bool,
) -> None:
    """Run to the end, or until stopped; then say how it went, and `finish`."""
    if resumed:
        trainer.resume()
    with cli.stopping(trainer.stop):
        outcome = trainer.run()
    conclude(trainer, outcome, folder, options.PROGRAM)
    if outcome == "stopped":
        return
    try:
        draw(folder)
        finish()
    except OSError as error:
        raise CheckpointError(
            f"{reason(error)} while writing {error.filename or folder}; the training "
            f"itself is saved, at step {trainer.step}"
        ) from error


class Introduce(Callback):
    """Says what is trained, on what and where; keeps the options in config.json.

    `about` are lines on data and model, `batch` says what a batch is.
    """

    def __init__(
        self,
        options: RunOptions,
        folder: Path,
        config: Any,
        about: Sequence[str],
        batch: str,
    ) -> None:
        self.options, self.folder, self.config = options, folder, config
        self.about, self.batch = about, batch

    def started(self, trainer: Trainer) -> None:
        runs.save_config(self.folder, as_config(self.options, self.config))
        steps, times = trainer.config.max_steps, trainer.config.accumulate
        print(
            *self.about,
            f"{self.folder}: {steps:,} steps of {f'{times} x ' * (times > 1)}"
            f"{self.batch}" + f", from step {trainer.step:,}" * (trainer.step > 0),
            sep="\n",
            flush=True,
        )
        if trainer.step >= steps:
            print("All of them are done; a higher --max-steps trains on")


def conclude(trainer: Trainer, outcome: Outcome, folder: Path, program: str) -> None:
    if outcome == "stopped":
        print(
            f"Stopped and saved at step {trainer.step:,}. To continue:\n"
            f"  {program} --resume --out {quote(str(folder))}"
        )
        return
    if outcome == "patience":
        print(f"No better loss since step {trainer.best_step:,}: stopped early")
    measured = (
        "the validation was cut short"
        if trainer.final_loss is None
        else f"validation loss {trainer.final_loss:.4f} over all "
        f"{trainer.final_count:,} held-out tokens"
    )
    print(f"Step {trainer.step:,} after {trainer.seconds:,.0f} s: {measured}")


def draw(folder: Path) -> None:
    """loss.png, or a line that says why there is none."""
    path = folder / "loss.png"
    try:
        draw_losses(read_metrics(folder / "metrics.jsonl"), path, folder.name)
    except MissingExtra as error:
        print(error)
    else:
        print(f"{path} shows the losses")


def what_next(*commands: str) -> None:
    print("\nWhat next:", *(f"  {command}" for command in commands), sep="\n")
