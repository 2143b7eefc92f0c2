"""A GPT that reads and writes token by token, also past the end of its context."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg
from nn.cache import KeyValueCache, Times
from nn.evaluation import evaluating
from nn.packing import pack
from tensorgrad.errors import InputError

if TYPE_CHECKING:
    from .model import GPT

Array = NDArray[Any]


def refuse_beyond(lengths: Array, block_size: int) -> None:
    """InputError for a prompt that is longer than the context."""
    if lengths.size and lengths.max() > block_size:
        i = int(lengths.argmax())
        raise InputError(
            f"prompt {i} has {lengths[i]} tokens, and the context is {block_size}: "
            f"shorten it, to its last {block_size} tokens, say"
        )


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

    Keys and values of the tokens read so far are kept, in memory for `capacity` tokens
    (None: it grows). Where the context is full, the newest half of it is read again,
    each row for itself: `window` says when. A prompt has to fit the context. No
    gradients are recorded, and nothing is dropped.
    """

    def __init__(self, model: GPT, capacity: int | None = None) -> None:
        pack(model)
        self.model = model
        self.read: Array | None = None  # (N,): tokens of each row, padding left out
        self.tokens = np.zeros((0, 0), np.int64)  # (N, L), as far as they may be seen
        room = min(capacity or 0, model.config.block_size)
        self.caches = [KeyValueCache(room) for _ in model.h]
        self.times = Times()
        self._modules = list(model.modules())

    @tg.no_grad()
    def advance(self, tokens: ArrayLike, real: ArrayLike | None = None) -> Array:
        """Read tokens (N, T) more of each row; the scores (N, V) of the next one."""
        tokens = self._checked(tokens)
        new = np.full(len(tokens), tokens.shape[1]) if real is None else np.sum(real, 1)
        size = self.model.config.block_size
        if self.read is None:
            refuse_beyond(new, size)
        before = np.zeros(len(tokens), np.int64) if self.read is None else self.read
        read, seen = before + new, window(before + new, size)
        history = np.concatenate([self.tokens, tokens], axis=1)[:, -size:]
        times = copy(self.times)
        if again := bool((seen != window(before, size) + new).any()):
            T = seen.max()  # somewhere, the context is full
            times, tokens = Times(), history[:, -T:]
            real = np.arange(T) >= T - seen[:, None]
        positions = times.extend(tokens.shape, real)
        mask = times.mask  # (N, 1, S)
        if again:
            for cache in self.caches:
                cache.clear()
        with evaluating(self._modules):
            hidden = self.model.hidden(
                tokens,
                positions=positions,
                mask=None if mask is None else mask[:, None],
                caches=self.caches,
            )
            self.read, self.tokens, self.times = read, history, times
            return self.model.head(hidden[:, -1]).data

    def _checked(self, tokens: ArrayLike) -> Array:
        """InputError for what cannot be read, before anything has changed."""
        tokens = np.asarray(tokens)
        N = tokens.shape[0] if self.read is None and tokens.ndim else len(self.tokens)
        if tokens.ndim != 2 or len(tokens) != N:
            raise InputError(f"{N} rows go on with ({N}, T) tokens, not {tokens.shape}")
        V = self.model.config.vocab_size
        if tokens.dtype.kind not in "iu" or ((tokens < 0) | (tokens >= V)).any():
            raise InputError(
                f"tokens are integers from 0 to {V - 1}; these are {tokens.dtype}, "
                f"up to {tokens.max(initial=0)}"
            )
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
