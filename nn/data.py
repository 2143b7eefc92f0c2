"""From arrays to batches: samplers that resume, a loader, padding.

Everything that draws has `state()`, which JSON can hold, and `load_state()`; what
follows after a resume is, bit for bit, what would have followed without it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import CheckpointError, ConfigError, DataError

from .losses import IGNORED
from .random_state import rng_state, set_rng_state

Array = NDArray[Any]
Integers = NDArray[np.int64]
Pair = tuple[Integers, Integers]
Arrange = Callable[[Integers, np.random.Generator], Integers]


@final
class BlockSampler:
    """Endless (x, y), each (B, T) int64: y[b, t] is the token that follows x[b, t].

    The blocks begin anywhere, uniformly, and may overlap (as in nanoGPT).
    DataError where the tokens (N,) do not fill one block and its last target.
    """

    def __init__(
        self,
        tokens: Array,
        block_size: int,
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        _check_sizes(block_size=block_size, batch_size=batch_size)
        _check_length(tokens, block_size + 1)
        self.tokens, self.rng = np.asarray(tokens), rng
        self.block_size, self.batch_size = block_size, batch_size
        self._offsets = np.arange(block_size + 1)

    def __iter__(self) -> Iterator[Pair]:
        return self

    def __next__(self) -> Pair:
        last = len(self.tokens) - self.block_size
        starts = self.rng.integers(0, last, size=(self.batch_size, 1))
        blocks = self.tokens[starts + self._offsets]  # (B, T + 1)
        x, y = blocks[:, :-1], blocks[:, 1:]
        return x.astype(np.int64, order="C"), y.astype(np.int64, order="C")

    def state(self) -> dict[str, Any]:
        """What decides every batch to come."""
        return {"tokens": len(self.tokens), "rng": rng_state(self.rng)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue where `state()` was taken; CheckpointError for other data."""
        _check_same(state, "tokens", len(self.tokens))
        set_rng_state(self.rng, state["rng"])


def sequential_blocks(
    tokens: Array, block_size: int, batch_size: int, stride: int | None = None
) -> Sequence[Pair]:
    """Every token but the first, once, as a target: (x, y) pairs (B, T) int64.

    Each block begins `stride` tokens after the one before it (None: block_size, where
    that one ends). Its targets that were in that one already are IGNORED, so that all
    but the first block_size have at least block_size - stride + 1 tokens before them.
    The last batch may hold fewer blocks, and a shorter one (1, t) comes last, so weigh
    a mean over batches by what they count. Each batch is read when it is asked for.
    """
    _check_sizes(block_size=block_size, batch_size=batch_size)
    stride = block_size if stride is None else stride
    if not 1 <= stride <= block_size:
        raise ConfigError(
            f"stride={stride}: 1 is the least, and the block's {block_size} the most, "
            "or tokens between blocks would be left out"
        )
    _check_length(tokens, 2)
    return _Blocks(np.asarray(tokens), block_size, batch_size, stride)


class _Blocks(Sequence[Pair]):
    def __init__(
        self, tokens: Array, block_size: int, batch_size: int, stride: int
    ) -> None:
        self.tokens, self.block_size = tokens, block_size
        self.batch_size, self.stride = batch_size, stride
        self.targets = len(tokens) - 1
        self.whole = max(0, (self.targets - block_size) // stride + 1)  # blocks
        self.batches = -(-self.whole // batch_size)
        overlap = block_size - stride
        self.rest = self.whole * stride + min(self.whole, 1) * overlap < self.targets

    def __len__(self) -> int:
        return self.batches + self.rest

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[j] for j in range(len(self))[i]]
        i = range(len(self))[i]
        first, length = i * self.batch_size, self.block_size
        rows = min(self.batch_size, self.whole - first)
        if i == self.batches:
            first, rows = self.whole, 1
            length = self.targets - first * self.stride
        start = first * self.stride
        stop = start + (rows - 1) * self.stride + length + 1
        piece = self.tokens[start:stop].astype(np.int64)
        blocks = sliding_window_view(piece, length + 1)[:: self.stride]  # (B, T + 1)
        x, y = blocks[:, :-1].copy(), blocks[:, 1:].copy()
        # the very first block comes after none
        y[first == 0 :, : self.block_size - self.stride] = IGNORED
        return x, y


@final
class DataLoader:
    """Batches of a dataset; each epoch gives every example once.

    A dataset is an array, a tuple of arrays that share their first axis, or a
    sequence of examples, which `collate` joins (default: `stack`). A `for` loop
    runs to the end of the epoch, `next(loader)` for ever; both go on from where the
    loader stands, so a resumed epoch neither repeats nor skips an example. The order
    of epoch e depends on `rng` (a seed or a Generator, asked once) and on e alone;
    `arrange(order, generator)` may rearrange it, as `by_length` does.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        *,
        shuffle: bool = False,
        rng: np.random.Generator | int | None = None,
        drop_last: bool = False,
        collate: Callable[[list[Any]], Any] | None = None,
        arrange: Arrange | None = None,
    ) -> None:
        _check_sizes(batch_size=batch_size)
        if shuffle and rng is None:
            raise ConfigError("shuffle=True needs rng=, a seed or a Generator")
        self.dataset, self.batch_size, self.collate = dataset, batch_size, collate
        self.shuffle, self.arrange, self.size = shuffle, arrange, _size(dataset)
        self.used = self.size - self.size % batch_size if drop_last else self.size
        if not self.used:
            raise DataError(
                f"{self.size} examples do not fill one batch of {batch_size}: "
                "a smaller batch_size, or drop_last=False?"
            )
        self.seed = int(np.random.default_rng(rng).integers(2**63)) if shuffle else 0
        self.epoch = self.position = 0
        self._order = (-1, np.zeros(0, np.int64))

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.used // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        epoch = self.epoch
        while self.epoch == epoch:
            yield next(self)

    def __next__(self) -> Any:
        stop = min(self.position + self.batch_size, self.used)
        chosen = self._epoch_order()[self.position : stop]
        batch = self._batch(chosen)
        # moved before the batch is handed out: a state taken while it is being
        # used says that it was
        self.position = stop
        if stop == self.used:
            self.epoch, self.position = self.epoch + 1, 0
        return batch

    def state(self) -> dict[str, Any]:
        """What decides every batch to come."""
        return {
            "examples": self.size,
            "seed": str(self.seed),  # 63 bits: more than a double holds
            "epoch": self.epoch,
            "position": self.position,
            "order": self._order_hash(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue where `state()` was taken; CheckpointError for other data.

        Within an epoch, its order must be arranged as it was.
        """
        _check_same(state, "examples", self.size)
        self.seed, self.epoch = int(state["seed"]), int(state["epoch"])
        self.position = int(state["position"])
        if self.position >= self.used:  # drop_last is new: what is left is dropped
            self.epoch, self.position = self.epoch + 1, 0
        self._order = (-1, self._order[1])  # drawn anew: the seed may differ
        if self.position and state.get("order") != self._order_hash():
            raise CheckpointError(
                "the saved position is in an epoch of another order, so going on from "
                "it would repeat examples: resume with the batch_size and pool of then"
            )

    def _order_hash(self) -> int | None:
        """What tells an arranged epoch from another; the seed tells all others."""
        if self.arrange is None or not self.position:
            return None
        return zlib.crc32(self._epoch_order().tobytes())

    def _epoch_order(self) -> Integers:
        if self._order[0] != self.epoch:
            order = np.arange(self.size)
            rng = np.random.default_rng([self.seed, self.epoch])
            if self.shuffle:
                rng.shuffle(order)
            if self.arrange is not None:
                order = self.arrange(order, rng)
            self._order = (self.epoch, order)
        return self._order[1]

    def _batch(self, chosen: Integers) -> Any:
        data, tupled = self.dataset, isinstance(self.dataset, tuple)
        if self.collate is None and isinstance(data, np.ndarray):
            return data[chosen]
        if self.collate is None and tupled:
            return tuple(array[chosen] for array in data)
        examples = [
            tuple(array[i] for array in data) if tupled else data[i]
            for i in chosen.tolist()
        ]
        return (self.collate or stack)(examples)


def by_length(lengths: ArrayLike, batch_size: int, pool: int = 100) -> Arrange:
    """For DataLoader's `arrange`: batches of examples of about one length.

    An epoch's order is cut into pools of `pool` batches, each pool sorted by length
    (N,), ties as they were drawn, and its batches shuffled. What does not fill a
    batch stays at the end as it was drawn, so drop_last drops no length in particular.

    >>> arrange = by_length([3, 1, 4, 1, 5], batch_size=2)
    >>> arrange(np.arange(5), np.random.default_rng(0)).tolist()
    [1, 3, 0, 2, 4]
    """
    _check_sizes(batch_size=batch_size, pool=pool)
    keys = np.asarray(lengths)

    def arrange(order: Integers, rng: np.random.Generator) -> Integers:
        whole = len(order) - len(order) % batch_size
        arranged = order.copy()
        for start in range(0, whole, pool * batch_size):
            part = arranged[start : min(start + pool * batch_size, whole)]  # a view
            batches = part[np.argsort(keys[part], kind="stable")]
            batches = batches.reshape(-1, batch_size)
            rng.shuffle(batches)  # along the first axis
            part[:] = batches.ravel()
        return arranged

    return arrange


def stack(examples: Sequence[Any]) -> Any:
    """Examples of one shape as an array (B, ...); tuples as a tuple of arrays."""
    if isinstance(examples[0], tuple):
        return tuple(stack(column) for column in zip(*examples, strict=True))
    try:
        return np.stack([np.asarray(example) for example in examples])
    except ValueError:
        shapes = sorted({np.shape(example) for example in examples})
        raise DataError(
            f"examples of shapes {shapes} cannot be stacked: pass collate=, "
            "for example pad_batch"
        ) from None


def pad_batch(
    sequences: Sequence[ArrayLike], pad: int | float = 0
) -> tuple[Array, NDArray[np.bool_]]:
    """Sequences (t,) of unequal length as (array, mask), both (B, T).

    T is the longest length; the mask is True where an element is real.

    >>> array, mask = pad_batch([[1, 2, 3], [4]], pad=-1)
    >>> array.tolist(), mask.tolist()
    ([[1, 2, 3], [4, -1, -1]], [[True, True, True], [True, False, False]])
    """
    rows = [np.asarray(sequence) for sequence in sequences]
    if any(row.ndim != 1 for row in rows):
        raise DataError("pad_batch: needs sequences of one axis each")
    lengths = np.array([len(row) for row in rows], np.int64)
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    # an empty list says nothing about the dtype of its elements
    dtypes = [row.dtype for row in rows if row.size] or [np.dtype(np.int64)]
    array = np.full(mask.shape, pad, np.result_type(*dtypes))
    if mask.any():
        array[mask] = np.concatenate([row for row in rows if row.size])
    return array, mask


def _size(dataset: Any) -> int:
    if not isinstance(dataset, tuple):
        return len(dataset)
    sizes = {len(array) for array in dataset}
    if len(sizes) != 1:
        raise DataError(f"arrays of one dataset differ in length: {sorted(sizes)}")
    return sizes.pop()


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"{name}={size}: must be at least 1")


def _check_length(tokens: Array, needed: int) -> None:
    if len(tokens) < needed:
        raise DataError(
            f"{len(tokens)} tokens are too few: {needed} are needed (a block and the "
            "token after it). Give a longer text or a smaller block_size."
        )


def _check_same(state: Mapping[str, Any], name: str, found: int) -> None:
    if state.get(name) != found:
        raise CheckpointError(
            f"the saved position belongs to data of {state.get(name)} {name}, this "
            f"has {found}. Resume with the data of that run."
        )
