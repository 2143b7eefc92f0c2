"""A model's mean loss over data that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import DataError
from tensorgrad.parallel import at_once

from .module import Module
from .parts import Threads, extent

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
    is counted. Several batches at once, if they are as large as `threads` says.
    """
    loss, count = 0.0, 0
    chosen = range(0, len(batches), every)
    with evaluating(model), tg.no_grad():
        found = of_each(objective, (batches[i] for i in chosen), threads)
        for done, (losses, counted) in enumerate(found, 1):
            loss += losses.item()
            count += counted
            if told(done, len(chosen)):
                return math.nan, 0
    if not count:
        raise DataError("the held-out data holds nothing that counts in the loss")
    return loss / count, count


def of_each(
    function: Callable[[Any], Any], batches: Iterable[Any], threads: Threads
) -> Iterator[Any]:
    """What function gives for each batch, in order."""
    left = iter(batches)
    for batch in left:
        _, size = extent(batch)
        more = threads.most - 1 if size >= threads.least else 0
        yield from at_once(function, [batch, *islice(left, more)])


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
