"""A GPT that reads and writes token by token, also past the end of its context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg
from nn.cache import KeyValueCache, Times
from nn.evaluation import evaluating

if TYPE_CHECKING:
    from .model import GPT

Array = NDArray[Any]


def window(read: Array, block_size: int) -> Array:
    """How many of the newest tokens are seen once so many were read.

    All of them, up to the context; the token that would go past it leaves the newest
    half of the context, itself included, and from there the window grows again.

    >>> [int(window(np.array(n), 4)) for n in range(1, 11)]
    [1, 2, 3, 4, 2, 3, 4, 2, 3, 4]
    """
    half = max(1, block_size // 2)
    beyond = half + (read - block_size - 1) % (block_size - half + 1)
    seen: Array = np.where(read <= block_size, read, beyond)
    return seen


@final
class GPTState:
    """Sequences in the midst of being written: see `nn.decoding.Incremental`.

    Keys and values of the tokens read so far are kept. Where the context is full, the
    newest half of it is read again, each row for itself: `window` says when. No
    gradients are recorded, and nothing is dropped.
    """

    def __init__(self, model: GPT) -> None:
        self.model = model
        self.read = np.zeros(0, np.int64)  # tokens of each row, padding left out
        self.tokens = np.zeros((0, 0), np.int64)  # (N, L), as far as they may be seen
        self._forget()

    def _forget(self) -> None:
        self.caches = [KeyValueCache() for _ in self.model.h]
        self.times = Times()

    @tg.no_grad()
    def advance(self, tokens: ArrayLike, real: ArrayLike | None = None) -> Array:
        """Read tokens (N, T) more of each row; the scores (N, V) of the next one."""
        tokens = np.asarray(tokens)
        N, T = tokens.shape
        new = np.full(N, T) if real is None else np.sum(real, axis=1)
        size = self.model.config.block_size
        if not self.read.size:
            self.read, self.tokens = np.zeros(N, np.int64), tokens[:, :0]
        seen = window(self.read, size)
        self.read = self.read + new
        self.tokens = np.concatenate([self.tokens, tokens], axis=1)[:, -size:]
        now = window(self.read, size)
        if (now != seen + new).any():  # somewhere, the context is full
            self._forget()
            T = now.max()
            tokens, real = self.tokens[:, -T:], np.arange(T) >= T - now[:, None]
        return self._scores(tokens, real)

    def _scores(self, tokens: Array, real: ArrayLike | None) -> Array:
        positions = self.times.extend(tokens.shape, real)
        mask = self.times.mask  # (N, 1, S)
        with evaluating(self.model):
            hidden = self.model.hidden(
                tokens,
                positions=positions,
                mask=None if mask is None else mask[:, None],
                caches=self.caches,
            )
            return self.model.head(hidden[:, -1]).data

    def select(self, rows: ArrayLike) -> None:
        """Go on with these of the N rows, in this order, some perhaps twice."""
        rows = np.asarray(rows)
        self.read, self.tokens = self.read[rows], self.tokens[rows]
        self.times.select(rows)
        for cache in self.caches:
            cache.select(rows)
