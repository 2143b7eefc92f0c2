"""A GPT that reads and writes token by token, also past the end of its context."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg
from nn.cache import KeyValueCache, Times
from nn.evaluation import evaluating
from tensorgrad.errors import InputError

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
        self.read: Array | None = None  # (N,): tokens of each row, padding left out
        self.tokens = np.zeros((0, 0), np.int64)  # (N, L), as far as they may be seen
        self.caches, self.times = self._nothing()

    def _nothing(self) -> tuple[list[KeyValueCache], Times]:
        return [KeyValueCache() for _ in self.model.h], Times()

    @tg.no_grad()
    def advance(self, tokens: ArrayLike, real: ArrayLike | None = None) -> Array:
        """Read tokens (N, T) more of each row; the scores (N, V) of the next one."""
        tokens = self._checked(tokens)
        before = np.zeros(len(tokens), np.int64) if self.read is None else self.read
        new = np.full(len(tokens), tokens.shape[1]) if real is None else np.sum(real, 1)
        size = self.model.config.block_size
        read, seen = before + new, window(before + new, size)
        history = np.concatenate([self.tokens, tokens], axis=1)[:, -size:]
        caches, times = self.caches, copy(self.times)
        if (seen != window(before, size) + new).any():  # somewhere, the context is full
            caches, times = self._nothing()
            T = seen.max()
            tokens, real = history[:, -T:], np.arange(T) >= T - seen[:, None]
        positions = times.extend(tokens.shape, real)
        mask = times.mask  # (N, 1, S)
        with evaluating(self.model):
            hidden = self.model.hidden(
                tokens,
                positions=positions,
                mask=None if mask is None else mask[:, None],
                caches=caches,
            )
            # kept only now: a token past the vocabulary, say, leaves all as it was
            self.read, self.tokens = read, history
            self.caches, self.times = caches, times
            return self.model.head(hidden[:, -1]).data

    def _checked(self, tokens: ArrayLike) -> Array:
        tokens = np.asarray(tokens)
        N = tokens.shape[0] if self.read is None and tokens.ndim else len(self.tokens)
        if tokens.ndim != 2 or len(tokens) != N:
            raise InputError(f"{N} rows go on with ({N}, T) tokens, not {tokens.shape}")
        if self.read is None:
            self.tokens = np.zeros((N, 0), np.int64)
        return tokens

    def select(self, rows: ArrayLike) -> None:
        """Go on with these of the N rows, in this order, some perhaps twice."""
        rows = np.asarray(rows)
        if self.read is not None:
            self.read, self.tokens = self.read[rows], self.tokens[rows]
        self.times.select(rows)
        for cache in self.caches:
            cache.select(rows)
