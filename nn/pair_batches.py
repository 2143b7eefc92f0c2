"""Pairs of texts as padded batches of tokens, for encoder-decoders.

The source ends with `eos`. The decoder reads `bos` and the target, and is to predict
the target and `eos`: each token before it reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from tensorgrad.errors import ConfigError, DataError

from .data import DataLoader, Integers, Pair, by_length, pad_batch
from .losses import IGNORED
from .pairs import TextPair
from .vocabulary import Side


class PairBatch(NamedTuple):
    """B pairs, int64; where one is shorter than the longest, it is padded."""

    source: Integers  # (B, S), padded with the source's pad
    target_in: Integers  # (B, T), padded with the target's pad
    target_out: Integers  # (B, T), padded with -100


@final
class TokenPairs(Sequence[Pair]):
    """Pairs as tokens: (source and eos, bos and target and eos), each (t,) int64.

    `lengths` (N, 2) are those that a model sees: the source's, and its input's on the
    target's side, so each counts one special token. A pair with one that is over
    `max_length` is a DataError, or with `drop_longer` left out and counted in
    `dropped`; `texts` are those that stay. Errors name the pair's line.

    >>> from nn.tokenizers import CharTokenizer
    >>> from nn.vocabulary import Vocabulary
    >>> vocabulary = Vocabulary(CharTokenizer("ab"))  # pad 0, bos 1, eos 2, unk 3
    >>> texts = [TextPair("ab", "bba", 1), TextPair("b", "b", 2)]
    >>> pairs = TokenPairs(texts, vocabulary, vocabulary)
    >>> source, target_in, target_out = pairs.collate(pairs)
    >>> source.tolist(), target_in.tolist()
    ([[4, 5, 2], [5, 2, 0]], [[1, 5, 5, 4], [1, 5, 0, 0]])
    >>> target_out.tolist()
    [[5, 5, 4, 2], [5, 2, -100, -100]]
    """

    def __init__(
        self,
        pairs: Iterable[TextPair],
        source: Side,
        target: Side,
        *,
        max_length: int | None = None,
        drop_longer: bool = False,
    ) -> None:
        if max_length is not None and max_length < 2:
            raise ConfigError(f"max_length={max_length}: must be 2 or more")
        self.source, self.target, self.dropped = source, target, 0
        self._pads = source.pad, target.pad
        self.texts: list[TextPair] = []
        self._pairs: list[Pair] = []
        for pair in pairs:
            tokens = self._encode(pair)
            if max_length is None or max(_lengths(tokens)) <= max_length:
                self.texts.append(pair)
                self._pairs.append(tokens)
            elif drop_longer:
                self.dropped += 1
            else:
                S, T = _lengths(tokens)
                raise DataError(
                    f"line {pair.line}: {S} tokens in the source and {T} in the target "
                    f"are over max_length={max_length}: raise it, or set drop_longer"
                )
        if not self._pairs:
            longer = f": all {self.dropped} are over max_length={max_length}"
            raise DataError("there are no pairs" + longer * bool(self.dropped))
        self.lengths = np.array([_lengths(pair) for pair in self._pairs], np.int64)

    def _encode(self, pair: TextPair) -> Pair:
        try:
            source = self.source.encode(pair.source)
            target = self.target.encode(pair.target)
        except DataError as error:
            raise DataError(f"line {pair.line}: {error}") from None
        bos, eos = self.target.bos, self.target.eos
        return np.append(source, self.source.eos), np.array([bos, *target, eos])

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, i: Any) -> Any:
        return self._pairs[i]

    def collate(self, examples: Iterable[Pair]) -> PairBatch:
        """Examples of this dataset as one padded batch."""
        sources, targets = zip(*examples, strict=True)
        return PairBatch(
            pad_batch(sources, self._pads[0])[0],
            pad_batch([target[:-1] for target in targets], self._pads[1])[0],
            pad_batch([target[1:] for target in targets], IGNORED)[0],
        )

    def loader(
        self,
        batch_size: int,
        rng: np.random.Generator | int,
        *,
        pool: int | None = 100,
    ) -> DataLoader:
        """Endless `PairBatch`es to train on, that resume exactly.

        Pairs of about one length are batched together, as in Vaswani et al. (2017,
        section 5.1): see `by_length`. With pool=None they are batched as drawn.
        """
        longest = self.lengths.max(1)
        arrange = None if pool is None else by_length(longest, batch_size, pool)
        return DataLoader(
            self,
            batch_size,
            shuffle=True,
            rng=rng,
            collate=self.collate,
            arrange=arrange,
        )

    def batches(self, batch_size: int) -> list[PairBatch]:
        """Every pair once, the shortest first: to evaluate on."""
        order = np.argsort(self.lengths.max(1), kind="stable")

        def ascending(_: Integers, rng: np.random.Generator) -> Integers:
            return order

        loader = DataLoader(self, batch_size, collate=self.collate, arrange=ascending)
        return list(loader)

    def padding_share(self, batches: Iterable[PairBatch]) -> float:
        """How much of what a model computes for these batches is for padding."""
        padded = positions = 0
        for source, _, target_out in batches:
            padded += int((source == self._pads[0]).sum())
            padded += int((target_out == IGNORED).sum())
            positions += source.size + target_out.size
        return padded / positions


def _lengths(pair: Pair) -> tuple[int, int]:
    return len(pair[0]), len(pair[1]) - 1
