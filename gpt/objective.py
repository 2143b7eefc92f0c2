"""What a GPT is trained and measured by."""

from __future__ import annotations

from typing import Any

import tensorgrad as tg
from nn.evaluation import Objective
from tensorgrad import Tensor

from .model import GPT


def objective(model: GPT) -> Objective:
    """(the sum of -log p(target), B T) of a batch: tokens and targets (B, T)."""

    def losses(batch: tuple[Any, Any]) -> tuple[Tensor, int]:
        tokens, targets = batch
        summed: Tensor = tg.cross_entropy(model.logits(tokens), targets).sum()
        return summed, targets.size

    return losses
