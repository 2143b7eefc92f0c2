"""What is shown while a model trains: a live line in a terminal, or plain lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from .report import Record

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """What a Trainer tells as it goes: override what you want to know."""

    def started(self, trainer: Trainer) -> None:
        """Before the first step."""

    def stepped(self, trainer: Trainer, record: Record) -> None:
        """After a step, with what metrics.jsonl gets.

        That is step, loss, lr, grad_norm (before clipping), tokens_per_s, seconds;
        after an evaluation also val_loss and over how many targets, val_tokens.
        """

    def evaluated(self, trainer: Trainer, done: int, total: int) -> None:
        """After a held-out batch."""

    def saved(self, trainer: Trainer) -> None:
        """After a checkpoint."""

    def ended(self, trainer: Trainer) -> None:
        """After the last step, or an error."""


def progress(plain: bool = False, unit: str = "tokens") -> Callback:
    """The live display in a terminal; lines elsewhere, and where colours are refused.

    That is with `plain`, NO_COLOR, or TERM=dumb. `unit` names what the losses are of.
    """
    return Live(unit) if lively(plain) else Lines(unit=unit)


def lively(plain: bool) -> bool:
    """Whether to redraw lines: in a terminal that can, unless told not to."""
    dumb = os.environ.get("TERM") in ("dumb", "") or bool(os.environ.get("NO_COLOR"))
    return not plain and not dumb and sys.stdout.isatty()


@contextmanager
def counting(what: str, plain: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Gives `told(done, total)`: a bar in a terminal, which goes away; else nothing."""
    if not lively(plain):
        yield lambda done, total: None
        return
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@final
class Lines(Callback):
    """A line at the first step, at each evaluation, and every few seconds."""

    def __init__(self, seconds: float = 10.0, unit: str = "tokens") -> None:
        self.seconds, self.unit = seconds, unit
        self._last = -float("inf")

    def stepped(self, trainer: Trainer, record: Record) -> None:
        now = time.monotonic()
        if "val_loss" in record or now - self._last >= self.seconds:
            self._last = now
            try:
                print(f"step {self._text(trainer, record)}", flush=True)
            except OSError:  # whoever read this has left
                trainer.stop()

    def _text(self, trainer: Trainer, record: Record) -> str:
        total = trainer.config.max_steps
        parts = [
            f"{record['step']:{len(str(total))}}/{total}",
            f"loss {record['loss']:.4f}",
            f"{record['tokens_per_s']:,.0f} {self.unit}/s",
        ]
        if "val_loss" in record:
            parts.insert(2, f"val loss {record['val_loss']:.4f}")
        return "  ".join(parts)


@final
class Live(Callback):
    """A line that is redrawn: step, losses, speed, time left; evaluations stay."""

    def __init__(self, unit: str = "tokens") -> None:
        self.unit = unit
        self._bar: Any = None
        self._speed = 0.0
        self._judged = ""

    def started(self, trainer: Trainer) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            refresh_per_second=5,
            speed_estimate_period=60,
        )
        self._task = self._bar.add_task(
            "training  ",
            total=trainer.config.max_steps,
            completed=trainer.step,
            facts="starting",
        )
        self._bar.start()

    def stepped(self, trainer: Trainer, record: Record) -> None:
        # one slow step, such as the first, should not jump about in the display
        speed = record["tokens_per_s"]
        self._speed = 0.95 * self._speed + 0.05 * speed if self._speed else speed
        if "val_loss" in record:
            self._judged = f"val loss {record['val_loss']:.3f}  "
            self._bar.console.print(
                f"step {record['step']:>6}  loss {record['loss']:.4f}  "
                f"val loss {record['val_loss']:.4f}",
                highlight=False,
            )
        pace = f"{self._speed:,.0f} {self.unit}/s"
        facts = f"loss {record['loss']:.3f}  {self._judged}{pace}"
        self._update("training", facts, completed=record["step"])

    def evaluated(self, trainer: Trainer, done: int, total: int) -> None:
        if self._bar is not None:
            self._update("evaluating", f"batch {done}/{total}")

    def _update(self, what: str, facts: str, **done: int) -> None:
        self._bar.update(self._task, description=f"{what:<10}", facts=facts, **done)

    def ended(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.stop()
