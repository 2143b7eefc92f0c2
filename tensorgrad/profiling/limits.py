"""What this machine can do at most: products of matrices, and copies."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

SIDE = 1024
COPIED = 64 << 20  # bytes: more than most caches hold
SECONDS = 0.05  # spent on each of the two, unless one run takes longer


class Limits(NamedTuple):
    """What NumPy reaches here, on as many threads as it was set to use."""

    gflops: float  # a product of two 1024 x 1024 matrices of float32
    gbs: float  # a copy of 64 MiB, what is read and what is written


@functools.cache
def limits() -> Limits:
    """Measured when first asked for, then kept for the life of the process."""
    x = np.ones((SIDE, SIDE), np.float32)
    product = np.empty_like(x)
    flops = 2 * SIDE**3 / quickest(lambda: np.matmul(x, x, out=product))
    source = np.ones(COPIED, np.uint8)
    target = np.zeros_like(source)
    target[:] = 0  # so that its pages are there before the clock starts
    moved = 2 * COPIED / quickest(lambda: np.copyto(target, source))
    return Limits(flops / 1e9, moved / 1e9)


def quickest(run: Callable[[], Any]) -> float:
    """The least time of a few runs, in seconds: others may use the machine too."""
    took: list[float] = []
    while len(took) < 20 and sum(took) < SECONDS:
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return min(took)
