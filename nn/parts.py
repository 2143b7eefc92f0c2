"""A batch in parts, whose forward and backward passes run at once, each in a thread.

Sums of losses make that exact: the gradients of the parts add up to the batch's.
A random mask is that of the whole batch, of which each part makes its own rows. So a
step is the same to rounding however many threads there are, and a fixed number
repeats it to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError
from tensorgrad.functional.randomness import Copies, draw_from
from tensorgrad.threads import can_limit_blas, processors

if TYPE_CHECKING:
    from .module import Module

# What pays, by measurement: see docs/performance.md
MOST = 4  # processors, up to which a thread for each does
TOKENS = 256  # in a part; with fewer, products of so few rows lose more
WORK = 10**8  # tokens times parameters; with less, threads wait for the interpreter


@dataclass(frozen=True)
class Threads:
    """How many parts of a batch run at once, and how many elements one has at least."""

    most: int
    least: int = 1


@dataclass(frozen=True)
class Rows:
    """Which rows of a batch a part holds."""

    start: int
    stop: int


_rows: ContextVar[Rows | None] = ContextVar("the rows of this part", default=None)


def backward_in_parts(
    objective: Callable[[Any], tuple[Tensor, int]],
    batch: Any,
    threads: Threads,
    rngs: Collection[np.random.Generator] = (),
) -> list[tuple[Tensor, int]]:
    """`objective` and `backward()` for parts of a batch at once; what each gave.

    `objective(batch)` is (the sum of the losses, how many). A batch is an array, or a
    tuple, list or dict of arrays with a row for each example; any other stays whole.
    `rngs` are the Generators of the model's dropout.
    """
    parts = split(batch, threads)
    # a replay of a checkpoint rewinds them: each part has its own
    past = [(rng, rng.bit_generator.state) for rng in rngs if len(parts) > 1]
    of_part = [Copies(past) for _ in parts]

    def losses(i: int) -> tuple[Tensor, int]:
        rows, part = parts[i]
        _rows.set(rows)  # these two hold for the backward pass, too, and end with it
        draw_from(of_part[i])
        return objective(part)

    found: list[tuple[Tensor, int]] = tg.backward_each(
        losses, range(len(parts)), threads=len(parts)
    )
    of_part[0].put_back()  # all parts have drawn the same
    return found


def first_row(count: int) -> int:
    """Where in the whole batch the first of so many rows is, those of this part."""
    rows = _rows.get()
    return rows.start if rows and rows.stop - rows.start == count else 0


def split(batch: Any, threads: Threads) -> list[tuple[Rows | None, Any]]:
    """The batch in parts, each with the rows that it holds; else the whole."""
    arrays = list(batch.values()) if isinstance(batch, dict) else batch
    arrays = list(arrays) if isinstance(arrays, list | tuple) else [arrays]
    lengths = {
        x.shape[0] if isinstance(x, np.ndarray | Tensor) and x.ndim else None
        for x in arrays
    }
    B: int = (lengths.pop() if len(lengths) == 1 else None) or 0
    n = min(threads.most, B, max(x.size for x in arrays) // threads.least) if B else 1
    if n <= 1:
        return [(None, batch)]
    ends = np.linspace(0, B, n + 1).astype(int).tolist()
    pairs = pairwise(ends)
    return [(Rows(*pair), _cut(batch, slice(*pair))) for pair in pairs]


def _cut(batch: Any, rows: slice) -> Any:
    if isinstance(batch, dict):
        return {name: x[rows] for name, x in batch.items()}
    if hasattr(batch, "_fields"):  # a named tuple
        return type(batch)(*[x[rows] for x in batch])
    if isinstance(batch, list | tuple):
        return type(batch)([x[rows] for x in batch])
    return batch[rows]


def threads_for(model: Module, threads: int | None) -> Threads:
    """How many threads to train it in: as many as asked for, or for None, as pay.

    ConfigError for several and a batch norm, whose statistics are the whole batch's.
    """
    from .norms import BatchNorm

    whole = any(isinstance(module, BatchNorm) for module in model.modules())
    if whole and threads is not None and threads > 1:
        raise ConfigError(
            f"threads={threads}: a batch norm needs the whole batch, so it can't be "
            "split. Set threads=1"
        )
    if threads is not None:
        return Threads(threads)
    found = processors()
    if whole or not can_limit_blas() or found > MOST:
        return Threads(1)
    return Threads(found, max(TOKENS, -(-WORK // max(1, model.num_parameters()))))
