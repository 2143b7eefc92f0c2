"""What a model that writes token by token keeps, so that it reads each token once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import GraphError, ShapeError
from tensorgrad.graph import wrap
from tensorgrad.mode import recording

Array = NDArray[Any]
Make = Callable[[], tuple[Any, Any]]  # -> keys and values (N, H, t, D), to be cached


class KeyValueCache:
    """The keys and values of all the times read so far, of N sequences.

    They lie in memory for `capacity` times, which doubles where that is too little, so
    that a token costs no copy of those before it. What is given out is a view of it,
    good until rows are selected. GraphError where a gradient would be recorded: none
    could pass.
    """

    def __init__(self, capacity: int = 0) -> None:
        self.capacity = capacity
        self.length = 0
        self._memory: list[Array] = []  # keys and values (rows >= N, H, capacity, D)
        self._content = np.arange(0)  # (N,): rows of one number hold the same

    def update(self, make: Make) -> tuple[Any, Any]:
        """Add the keys and values that `make` gives; all of them, (N, H, S, D) each."""
        return self.extend(*make())

    def extend(self, k: Any, v: Any) -> tuple[Any, Any]:
        """Add keys and values (N, H, t, D); all of them, (N, H, S, D) each."""
        refuse_recorded(k, v)
        new = [k.data, v.data]
        start, self.length = self.length, self.length + k.shape[2]
        if not self._memory:
            self._content = np.arange(k.shape[0])
        if not self._memory or self._memory[0].shape[2] < self.length:
            self._grow(new, start)
        N = len(self._content)
        for memory, part in zip(self._memory, new, strict=True):
            memory[:N, :, start : self.length] = part
        return self.all()

    def all(self) -> tuple[Any, Any]:
        """The keys and values so far."""
        N = len(self._content)
        k, v = (wrap(memory[:N, :, : self.length]) for memory in self._memory)
        return k, v

    def clear(self) -> None:
        """Forget all times; their memory is written anew."""
        self.length = 0

    def _grow(self, new: list[Array], start: int) -> None:
        self.capacity = max(self.capacity, self.length, 2 * start)
        larger = []
        for i, part in enumerate(new):
            N, H, _, D = part.shape
            memory = np.empty((N, H, self.capacity, D), part.dtype)
            if start:
                memory[:, :, :start] = self._memory[i][:N, :, :start]
            larger.append(memory)
        self._memory = larger

    def select(self, rows: ArrayLike) -> None:
        """Keep these of the sequences, in this order, each as often as it is named.

        Only rows that are to hold something else are written, in place where the
        memory has as many rows.
        """
        if not self._memory:
            return
        N = len(self._content)
        source = np.arange(N)[np.asarray(rows)]  # (M,)
        M, wanted = len(source), self._content[source]
        moved, memory = np.arange(M), self._memory
        if len(memory[0]) >= M:
            changed = np.flatnonzero(self._content[:M] != wanted[:N])
            moved = np.concatenate([changed, moved[N:]])
        else:
            memory = [np.empty((M, *old.shape[1:]), old.dtype) for old in memory]
        for new, old in zip(memory, self._memory, strict=True):
            # the right side is a copy: no row is overwritten before it was read
            new[moved, :, : self.length] = old[source[moved], :, : self.length]
        self._memory, self._content = memory, self._contents(wanted)

    def _contents(self, wanted: Array) -> Array:
        """What tells rows apart after a selection: they go on by themselves."""
        return np.arange(len(wanted))


@final
class FixedCache(KeyValueCache):
    """The keys and values of what does not grow, such as an encoder's output."""

    def update(self, make: Make) -> tuple[Any, Any]:
        """Those of the first call, for ever."""
        if not self._memory:
            return super().update(make)
        if recording():
            refuse_recorded(*make())  # the first call may have recorded nothing
        return self.all()

    def _contents(self, wanted: Array) -> Array:
        return wanted  # copies of a row stay the same, and may take each other's place


def refuse_recorded(k: Any, v: Any) -> None:
    if recording() and (k.node is not None or v.node is not None):
        raise GraphError(
            "a cache holds numbers, through which no gradient passes: call the model "
            "under tensorgrad.no_grad()"
        )


@final
class Times:
    """Which of the times read so far are real, and where each row stands.

    A batch of prompts of unequal length is padded on the left: the last token of each
    is then the last of its row.

    >>> times = Times()
    >>> times.extend((2, 3), [[True, True, True], [False, True, True]]).tolist()
    [[0, 1, 2], [0, 0, 1]]
    >>> times.extend((2, 1)).tolist()
    [[3], [2]]
    >>> times.mask.tolist()
    [[[True, True, True, True]], [[False, True, True, True]]]
    """

    def __init__(self) -> None:
        self._real: Array | None = None  # (N, S); N is known once something was read

    def extend(self, shape: tuple[int, ...], real: ArrayLike | None = None) -> Array:
        """The positions (N, T) = `shape` of what comes next: padding is not counted."""
        added = np.ones(shape, bool) if real is None else np.asarray(real, bool)
        if added.shape != shape:
            raise ShapeError(
                f"real {added.shape} should have the tokens' shape {shape}: True where "
                "one is real"
            )
        before = np.zeros((shape[0], 0), bool) if self._real is None else self._real
        counted = before.sum(axis=1, keepdims=True) + added.cumsum(axis=1)
        self._real = np.concatenate([before, added], axis=1)
        positions: Array = np.maximum(counted - 1, 0)
        return positions

    @property
    def mask(self) -> Array | None:
        """Where a query may look, (N, 1, S); None where nothing is padded."""
        if self._real is None or self._real.all():
            return None
        return self._real[:, None, :]

    def select(self, rows: ArrayLike) -> None:
        if self._real is not None:
            self._real = self._real[np.asarray(rows)]
