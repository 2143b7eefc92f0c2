"""What a Hessian-vector product costs beside a gradient of the same function.

Both are of a loss of plain ops: an MLP with tanh, written with @, + and * alone. They
take turns in one process, step by step; a row gives the median of each, and the median
of the rounds' ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import tensorgrad as tg
from tensorgrad.functional import grad, hvp

from .tables import ratio_text, time_text

# points, then the sizes of the layers
SIZES = {"hvp-small": (100, 2, 16, 16, 1), "hvp-large": (512, 256, 512, 512, 1)}
TITLES = {
    name: f"MLP {'-'.join(map(str, layers))}, {points} points"
    for name, (points, *layers) in SIZES.items()
}

Step = Callable[[], object]


def build(points: int, *layers: int) -> tuple[Step, Step]:
    """A gradient of an MLP's squared error, and a product with its Hessian."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return tg.Tensor(rng.normal(size=shape).astype(np.float32))

    sizes = list(pairwise(layers))
    parameters = [(normal(n, m) * n**-0.5, normal(m)) for n, m in sizes]
    direction = [(normal(n, m), normal(m)) for n, m in sizes]
    x, y = normal(points, layers[0]), normal(points, layers[-1])

    def loss(parameters: Any) -> Any:
        h = x
        for weight, bias in parameters[:-1]:
            h = tg.tanh(h @ weight + bias)
        weight, bias = parameters[-1]
        error = h @ weight + bias - y
        return (error * error).sum()

    gradient = grad(loss)
    return (
        lambda: gradient(parameters),
        lambda: hvp(loss, (parameters,), (direction,)),
    )


def compare(name: str, rounds: int, seconds: float) -> list[str]:
    """The cells of one row: median gradient, median product, their ratio."""
    steps = build(*SIZES[name])
    for step in steps * 3:
        step()
    times: tuple[list[float], list[float]] = ([], [])
    ratios = []
    for _ in range(rounds):
        bursts: tuple[list[float], list[float]] = ([], [])
        until = time.perf_counter() + 2 * seconds
        while time.perf_counter() < until or not bursts[0]:
            for step, burst in zip(steps, bursts, strict=True):
                began = time.perf_counter()
                step()
                burst.append(time.perf_counter() - began)
        ratios.append(statistics.median(bursts[1]) / statistics.median(bursts[0]))
        for all_times, burst in zip(times, bursts, strict=True):
            all_times += burst
    medians = [time_text(statistics.median(side)) for side in times]
    return [*medians, ratio_text(ratios)]
