"""What a GPT is trained and measured by."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.evaluation import Objective
from nn.losses import IGNORED
from tensorgrad import Tensor

from .model import GPT

AT_A_TIME = 1 << 24  # scores: 64 MiB


def objective(model: GPT) -> Objective:
    """(the sum of -log p(target), B T) of a batch: tokens and targets (B, T)."""

    def losses(batch: tuple[Any, Any]) -> tuple[Tensor, int]:
        tokens, targets = batch
        summed: Tensor = tg.cross_entropy(model.logits(tokens), targets).sum()
        return summed, targets.size

    return losses


def measure(model: GPT) -> Objective:
    """The same without a gradient, and without the targets that are IGNORED.

    Scores (B, T, V) of a published vocabulary would take gigabytes: they are made for
    some targets at a time, and for none that are not counted.
    """
    some = max(1, AT_A_TIME // model.config.vocab_size)

    def losses(batch: tuple[Any, Any]) -> tuple[Tensor, int]:
        tokens, targets = batch
        counted = targets != IGNORED
        hidden, targets = model.hidden(tokens).data[counted], targets[counted]  # (n, C)
        summed = 0.0
        for start in range(0, len(targets), some):
            part = slice(start, start + some)
            scores = model.head(Tensor(hidden[part]))
            summed += tg.cross_entropy(scores, targets[part]).sum().item()
        return Tensor(np.float64(summed)), len(targets)

    return losses
