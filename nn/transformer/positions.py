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
    in_pairs(d_model)
    wavelengths = 10000.0 ** (np.arange(0, d_model, 2) / d_model)
    angles = np.arange(length)[:, None] / wavelengths  # (length, d_model / 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, d_model)


def in_pairs(d_model: int) -> None:
    if d_model % 2:
        raise ConfigError(f"sinusoids come in pairs: d_model={d_model} must be even")


def sinusoid_halves(length: int, d_model: int) -> NDArray[np.float32]:
    """`sinusoids` with all sines first, then all cosines, rounded to float32.

    (length, d_model). That is what the models of Marian were trained with.

    >>> sinusoid_halves(2, 4).round(3).tolist()[0]
    [0.0, 0.0, 1.0, 1.0]
    """
    table = sinusoids(length, d_model)
    halves = np.concatenate([table[:, 0::2], table[:, 1::2]], axis=1)
    return halves.astype(np.float32)


class SinusoidalPositions(Module):
    """x + PE[positions]: x (..., T, C), positions (T,) or (B, T).

    Nothing is trained or saved: `sinusoids` gives PE, or `sinusoid_halves`, as many
    rows as were asked for so far, and at most `max_length`.
    """

    def __init__(self, max_length: int, d_model: int, *, halves: bool = False) -> None:
        positive("SinusoidalPositions", max_length=max_length, d_model=d_model)
        in_pairs(d_model)
        self.max_length, self.d_model = max_length, d_model
        self.make = sinusoid_halves if halves else sinusoids
        self.table: NDArray[Any] = np.zeros((0, d_model))

    def forward(self, x: Any, positions: ArrayLike) -> Any:
        positions = np.asarray(positions)
        needed = int(positions.max(initial=-1)) + 1
        if len(self.table) < needed:
            rows = min(max(needed, 2 * len(self.table)), self.max_length)
            self.table = self.make(rows, self.d_model)
        return x + self.table[positions].astype(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.max_length}, {self.d_model}"


class LearnedPositions(Module):
    """x + a row for each position, trained: x (..., T, C), positions (T,) or (B, T)."""

    def __init__(self, max_length: int, d_model: int, *, rng: Rng = None) -> None:
        self.embedding = Embedding(max_length, d_model, rng=rng)

    def forward(self, x: Any, positions: ArrayLike) -> Any:
        return x + self.embedding(positions)
