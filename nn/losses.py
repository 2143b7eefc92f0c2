"""Losses: one number to make small, or with reduction="none" one for each element."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError

IGNORED = -100  # the target that cross_entropy does not count, here and in PyTorch


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    ignore_index: int = IGNORED,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """-log softmax(logits)[target]: (..., V) and integers (...).

    The mean is over the targets that are not `ignore_index`, and 0 if all of them
    are. With label smoothing e, the target's probability is 1 - e + e / V and every
    other's e / V.

    >>> cross_entropy(Tensor([[0.0, 0.0], [0.0, 9.0]]), np.array([1, -100]))
    Tensor(0.6931472, dtype=float32)
    """
    if not 0 <= label_smoothing <= 1:
        raise ConfigError(f"label_smoothing={label_smoothing} must be from 0 to 1")
    targets = targets.data if isinstance(targets, Tensor) else np.asarray(targets)
    losses = tg.cross_entropy(
        logits, targets, ignore_index=ignore_index, label_smoothing=label_smoothing
    )
    known = int(np.count_nonzero(targets != ignore_index))
    return reduced(losses, reduction, known)


def mse_loss(x: Any, target: Any, *, reduction: str = "mean") -> Any:
    """(x - target)^2

    >>> mse_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    Tensor(2., dtype=float32)
    """
    difference = x - alike("mse_loss", x, target)
    return reduced(difference * difference, reduction)


def l1_loss(x: Any, target: Any, *, reduction: str = "mean") -> Any:
    """|x - target|, with derivative 0 where they are equal."""
    return reduced(tg.absolute(x - alike("l1_loss", x, target)), reduction)


def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, *, reduction: str = "mean"
) -> Any:
    """-t log s(x) - (1 - t) log(1 - s(x)) with s(x) = 1 / (1 + e^-x), t from 0 to 1.

    >>> binary_cross_entropy_with_logits(Tensor([0.0, 100.0]), np.array([1.0, 1.0]))
    Tensor(0.3465736, dtype=float32)
    """
    targets = alike("binary_cross_entropy_with_logits", logits, targets)
    # s(x) is the first of softmax(x, 0): nothing overflows, and every derivative is
    # exact at x = 0, where a formula with |x| has a kink
    pairs = tg.log_softmax(tg.stack([logits, tg.zeros_like(logits)], axis=-1))
    yes, no = tg.unstack(pairs, axis=-1)
    return reduced(-(targets * yes + (1.0 - targets) * no), reduction)


def alike(name: str, x: Any, target: Any) -> Any:
    """The target as an array, if it has the shape of x: none is broadcast."""
    target = target if isinstance(target, Tensor) else np.asarray(target, x.dtype)
    if target.shape != x.shape:
        raise ShapeError(
            f"{name}: x {x.shape} and target {target.shape} must have one shape. Their "
            "difference would be broadcast: reshape one"
        )
    return target


def reduced(losses: Any, reduction: str, count: int | None = None) -> Any:
    """The losses' sum over `count` (their number by default), their sum, or all."""
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ConfigError(f"reduction={reduction!r} must be 'mean', 'sum' or 'none'")
    total = tg.sum(losses)
    if reduction == "sum":
        return total
    return total * (1 / max(1, losses.size if count is None else count))
