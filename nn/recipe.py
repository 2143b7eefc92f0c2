"""TrainerConfig: all that decides how a model is trained, as options and defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tensorgrad.errors import ConfigError

from .module import Module
from .optim import AdamW, decay_groups
from .schedules import Constant, Noam, WarmupCosine, WarmupLinear


@dataclass(frozen=True)
class TrainerConfig:
    """How a model is trained. A value outside its range is refused, by name."""

    max_steps: int = 2000
    """Optimiser steps in all; a resumed run goes on to this one."""
    batch_size: int = 12
    """Examples in a batch."""
    accumulate: int = 1
    """Batches whose gradients are added up before each step."""
    learning_rate: float = 1e-3
    """The highest rate, reached at the end of the warm-up."""
    min_lr: float | None = None
    """The rate at the last step (cosine, linear); None: a tenth of learning_rate."""
    warmup_steps: int = 100
    """Steps over which the rate rises; at most max_steps."""
    schedule: Literal["cosine", "linear", "constant", "noam"] = "cosine"
    """The rate after the warm-up (constant has none; noam falls as 1/sqrt(step))."""
    beta1: float = 0.9
    """AdamW's memory of the gradients."""
    beta2: float = 0.99
    """AdamW's memory of their squares."""
    eps: float = 1e-8
    """What AdamW adds to the root of their mean."""
    weight_decay: float = 0.1
    """How fast the matrices shrink, as a multiple of the rate; nothing else does."""
    clip: float = 1.0
    """A gradient of a larger norm is scaled down to it; 0: none is."""
    eval_interval: int = 250
    """Steps between evaluations on the held-out part."""
    eval_batches: int = 100
    """Held-out batches in each evaluation, spread evenly; the last one takes all."""
    patience: int | None = None
    """Stop after this many evaluations in a row without a lower loss; None: never."""
    log_interval: int = 1
    """Steps between lines in metrics.jsonl."""
    checkpoint_interval: int | None = None
    """Steps between checkpoints; None: eval_interval."""
    keep: int = 2
    """How many checkpoints to keep, the newest ones."""
    keep_best: bool = False
    """Whether to keep also the weights of the lowest held-out loss, in best/."""
    threads: int | None = 1
    """Parts of each batch that run at once, in as many threads; None: if that pays."""
    seed: int = 0
    """Decides the first weights, the order of the data and the dropout."""

    def __post_init__(self) -> None:
        for name in (
            "max_steps",
            "batch_size",
            "accumulate",
            "eval_interval",
            "eval_batches",
            "patience",
            "log_interval",
            "checkpoint_interval",
            "keep",
            "threads",
        ):
            self._require(name, lambda x: x >= 1, "1 or more")
        for name in ("warmup_steps", "seed"):
            self._require(name, lambda x: x >= 0, "0 or more")
        for name in ("learning_rate", "min_lr", "eps", "weight_decay", "clip"):
            self._require(name, lambda x: 0 <= x < math.inf, "a number, 0 or more")
        for name in ("beta1", "beta2"):
            self._require(name, lambda x: 0 <= x < 1, "0 or more and below 1")
        if self.schedule not in SCHEDULES:
            self._refuse("schedule", f"one of {', '.join(SCHEDULES)}")
        if self.min_lr is not None and self.min_lr > self.learning_rate:
            self._refuse("min_lr", f"at most learning_rate ({self.learning_rate})")

    def _require(self, name: str, holds: Callable[[Any], bool], what: str) -> None:
        value = getattr(self, name)
        if value is not None and not holds(value):
            self._refuse(name, what)

    def _refuse(self, name: str, what: str) -> None:
        raise ConfigError(f"{name} must be {what}; got {getattr(self, name)!r}")

    @property
    def saves_every(self) -> int:
        """Steps between checkpoints."""
        return self.checkpoint_interval or self.eval_interval

    def rate(self) -> Callable[[int], float]:
        """The learning rate as a function of the step, counted from 0."""
        return SCHEDULES[self.schedule](self)

    def optimizer(self, model: Module) -> AdamW:
        """AdamW, with the weight decay on matrices alone."""
        return AdamW(
            decay_groups(model, self.weight_decay),
            lr=self.learning_rate,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
        )


def _falling(kind: type[WarmupCosine] | type[WarmupLinear]) -> Any:
    def schedule(config: TrainerConfig) -> Callable[[int], float]:
        top, end = config.learning_rate, config.min_lr
        return kind(
            lr=top,
            warmup_steps=min(config.warmup_steps, config.max_steps),
            total_steps=config.max_steps,
            min_lr=top / 10 if end is None else end,
        )

    return schedule


def _noam(config: TrainerConfig) -> Callable[[int], float]:
    # the factor that puts the top of the curve, at the end of the warm-up, where asked
    warmup = max(1, config.warmup_steps)
    return Noam(1, warmup, config.learning_rate * math.sqrt(warmup))


SCHEDULES: dict[str, Callable[[TrainerConfig], Callable[[int], float]]] = {
    "cosine": _falling(WarmupCosine),
    "linear": _falling(WarmupLinear),
    "constant": lambda config: Constant(config.learning_rate),
    "noam": _noam,
}
