"""A model's mean loss over data that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import DataError
from tensorgrad.parallel import at_once

from .module import Module
from .parts import Threads, split

Objective = Callable[[Any], tuple[Tensor, int]]  # a batch -> (sum of losses, count)
ALONE = Threads(1)


def evaluate(
    model: Module,
    objective: Objective,
    batches: Sequence[Any],
    every: int = 1,
    told: Callable[[int, int], Any] = lambda done, total: None,
    threads: Threads = ALONE,
) -> tuple[float, int]:
    """(sum of all losses / how many, how many), of every n-th batch.

    Without dropout and gradients. `told(done, total)` is called after each batch; if
    it gives True, that is the end, and the result (nan, 0). DataError where nothing
    is counted. Parts of a batch run at once, as in training.
    """
    loss, count = 0.0, 0
    chosen = range(0, len(batches), every)
    with evaluating(model), tg.no_grad():
        for done, i in enumerate(chosen, 1):
            parts = [part for _, part in split(batches[i], threads)]
            for losses, counted in at_once(objective, parts):
                loss += losses.item()
                count += counted
            if told(done, len(chosen)):
                return math.nan, 0
    if not count:
        raise DataError("the held-out data holds nothing that counts in the loss")
    return loss / count, count


@contextmanager
def evaluating(model: Module | Sequence[Module]) -> Iterator[None]:
    """The model in eval mode, and then each module in it as it was.

    A list of its modules will do as well: at each token, the walk to them is much.
    """
    modules = model.modules() if isinstance(model, Module) else model
    trained = [module for module in modules if module.training]
    for module in trained:
        module.training = False
    try:
        yield
    finally:
        for module in trained:
            module.training = True
