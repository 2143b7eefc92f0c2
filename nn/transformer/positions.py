"""Positions: attention sees a set, and these make a sequence of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError

from ..layers import Embedding, Rng, positive
from ..module import Module


def sinusoids(length: int, d_model: int) -> NDArray[np.float64]:
    """PE[p, 2i] = sin(p / 10000^(2i / d_model)), PE[p, 2i + 1] = cos of the same.

    (length, d_model). The waves go from 2 pi to almost 10000 * 2 pi positions, and the
    row of p + k is that of p turned by angles that depend on k alone. Source: Vaswani
    et al., Attention Is All You Need, section 3.5, arXiv 1706.03762.

    >>> sinusoids(2, 4).round(3).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.841, 0.54, 0.01, 1.0]]
    """
    if d_model % 2:
        raise ConfigError(f"sinusoids come in pairs: d_model={d_model} must be even")
    frequencies = 10000.0 ** (-np.arange(0, d_model, 2) / d_model)
    angles = np.arange(length)[:, None] * frequencies  # (length, d_model / 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, d_model)


class SinusoidalPositions(Module):
    """x + PE[positions]: x (..., T, C), positions (T,) or (B, T).

    Nothing is trained or saved: `sinusoids` gives PE.
    """

    def __init__(self, max_length: int, d_model: int) -> None:
        positive("SinusoidalPositions", max_length=max_length, d_model=d_model)
        self.table = sinusoids(max_length, d_model)

    def forward(self, x: Any, positions: ArrayLike) -> Any:
        return x + self.table[np.asarray(positions)].astype(x.dtype)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.table.shape))


class LearnedPositions(Module):
    """x + a row for each position, trained: x (..., T, C), positions (T,) or (B, T)."""

    def __init__(self, max_length: int, d_model: int, *, rng: Rng = None) -> None:
        self.embedding = Embedding(max_length, d_model, rng=rng)

    def forward(self, x: Any, positions: ArrayLike) -> Any:
        return x + self.embedding(positions)
