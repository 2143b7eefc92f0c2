"""Learning rates as functions of the step, counted from 0.

A schedule holds no state: to resume one needs the step alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tensorgrad.errors import ConfigError


@dataclass(frozen=True)
class Constant:
    """lr

    >>> Constant(0.1)(5)
    0.1
    """

    lr: float

    def __post_init__(self) -> None:
        check_rates(lr=self.lr)

    def __call__(self, step: int) -> float:
        return self.lr


@dataclass(frozen=True)
class _Warmup:
    """A straight line up to lr, then some way down to min_lr at total_steps.

    Step t of the warm-up has lr (t + 1) / (warmup_steps + 1): no step is lost at 0.
    """

    lr: float
    warmup_steps: int
    total_steps: int
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        check_rates(lr=self.lr, min_lr=self.min_lr)
        if self.min_lr > self.lr:
            raise ConfigError(f"min_lr={self.min_lr} must not exceed lr={self.lr}")
        if not 0 <= self.warmup_steps <= self.total_steps:
            raise ConfigError(
                f"warmup_steps={self.warmup_steps} must be from 0 to "
                f"total_steps={self.total_steps}"
            )

    def __call__(self, step: int) -> float:
        if step < self.warmup_steps:
            return self.lr * (step + 1) / (self.warmup_steps + 1)
        if step >= self.total_steps:
            return self.min_lr
        done = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        return self.min_lr + self.left(done) * (self.lr - self.min_lr)

    def left(self, done: float) -> float:
        """How much of lr - min_lr is left when `done` of the way down is done."""
        raise NotImplementedError


@dataclass(frozen=True)
class WarmupCosine(_Warmup):
    """A straight line up to lr, then half a cosine wave down to min_lr.

    >>> rate = WarmupCosine(lr=1.0, warmup_steps=1, total_steps=5)
    >>> [round(rate(step), 3) for step in range(6)]
    [0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def left(self, done: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class WarmupLinear(_Warmup):
    """A straight line up to lr, then another down to min_lr.

    >>> rate = WarmupLinear(lr=1.0, warmup_steps=1, total_steps=5)
    >>> [rate(step) for step in range(6)]
    [0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    """

    def left(self, done: float) -> float:
        return 1 - done


@dataclass(frozen=True)
class Noam:
    """factor d_model^-0.5 min(s^-0.5, s warmup_steps^-1.5), with s = step + 1.

    It grows for warmup_steps and falls as one over the root of the step. Source:
    Vaswani et al., Attention Is All You Need, equation 3, arXiv 1706.03762.

    >>> Noam(d_model=4, warmup_steps=1)(3)
    0.25
    """

    d_model: int
    warmup_steps: int
    factor: float = 1.0

    def __post_init__(self) -> None:
        check_rates(factor=self.factor)
        for name in ("d_model", "warmup_steps"):
            if not getattr(self, name) >= 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be 1 or more")

    def __call__(self, step: int) -> float:
        s = step + 1
        shape = min(1 / math.sqrt(s), s / self.warmup_steps**1.5)
        return float(self.factor * shape / math.sqrt(self.d_model))


def check_rates(**rates: float) -> None:
    """ConfigError unless each is a finite number from 0 up."""
    for name, rate in rates.items():
        if not 0 <= rate < math.inf:
            raise ConfigError(f"{name}={rate} must be a finite number, 0 or more")
