"""Counting: a step's operations, and how fast something grows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from .programs import PROGRAMS

PRODUCT = 1024  # the matrix product that tells the machine's rate: rows and columns


def causal_pairs(T: int) -> int:
    """How many (query, key) pairs a causal mask leaves: token t sees t + 1 keys."""
    return T * (T + 1) // 2


def gpt_flops(sizes: dict[str, Any]) -> int:
    """Operations in the matrix products of a GPT's training step.

    6 N for each token: a product with N weights multiplies and adds, and the backward
    pass makes two such products of each. N counts matrices, 12 C^2 in a layer and the
    head's V C; positions and norms are in no product. Attention: 12 C for each pair
    and layer, since q k^T and the product with v take 2 C each and backward twice
    that. Pairs that the causal mask hides are not counted, nor what a backward pass
    computes again.
    """
    L, C, V = sizes["n_layer"], sizes["n_embd"], sizes["vocab_size"]
    B, T = sizes["batch"], sizes["block_size"]
    weights = 12 * L * C * C + V * C
    return 6 * weights * B * T + 12 * C * L * B * causal_pairs(T)


def flops(name: str) -> int | None:
    """Operations in the products of a program's step; None where it is no GPT."""
    program = PROGRAMS.get(name)
    return gpt_flops(program.sizes) if program and program.kind == "gpt" else None


def share_of_rate(operations: int, step: float, product: float) -> float:
    """The rate of a step over that of a matrix product, both from their seconds."""
    return operations / step / (2 * PRODUCT**3 / product)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """p of the power law value = c size^p that fits best, in logarithms.

    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    x, y = [[math.log(v) for v in row] for row in (sizes, values)]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return across / sum((a - mean_x) ** 2 for a in x)


def slopes(sizes: Sequence[float], values: Sequence[float]) -> list[float]:
    """What one more costs, from each size to the next.

    >>> slopes([2, 4, 8], [10, 20, 48])
    [5.0, 7.0]
    """
    points = list(zip(sizes, values, strict=True))
    return [(b - a) / (y - x) for (x, a), (y, b) in itertools.pairwise(points)]
