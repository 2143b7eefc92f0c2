"""What counting can say of a hidden token: the baseline of masked_words.py.

The token t between those before it and those behind it, by how often these were seen
together. What is hidden itself, or beyond an end, is not known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import final

import numpy as np
from numpy.typing import NDArray

from nn.losses import IGNORED
from nn.transformer.masking import Tokens, masked
from nn.vocabulary import Vocabulary

Probabilities = NDArray[np.float64]
Window = tuple[int, ...]  # places of a context, counted from t: (-2, -1) or (-1, 1)


@dataclass(frozen=True)
class Trust:
    """How many counts the smaller context is worth, against those of the larger."""

    one: float = 100  # a neighbour, against none
    side: float = 30  # more neighbours on one side, against fewer
    both: float = 3  # neighbours on both sides


TRIED = {"one": (30, 100, 300), "side": (10, 30, 100), "both": (1, 3, 10)}


@final
class TwoSided:
    """Counts of a text, smoothed towards what is known with less context.

    P(t)        (c(t) + 1/10) / (N + V/10)
    P(t | l)    (c(l t) + k P(t)) / (c(l) + k), l the token before t. With one more, L:
                (c(L l t) + k P(t | l)) / (c(L l) + k); with those behind t likewise
    Q(t | l r)  P(t | l) P(t | r) / P(t), over its sum: what both sides say, if t is
                all that connects them
    P(t | l r)  (c(l t r) + k Q(t | l r)) / (c(l . r) + k), and so on as l and r grow

    Each k is one of `trust`; `reach` is how far l and r may grow.
    """

    def __init__(self, vocabulary: Vocabulary, reach: int) -> None:
        self.vocabulary = vocabulary
        self.special = len(vocabulary.specials)  # the tokens below this one
        self.trust = Trust()
        sizes = range(1, reach + 1)
        self.left: list[Window] = [tuple(range(-n, 0)) for n in sizes]
        self.right: list[Window] = [tuple(range(1, n + 1)) for n in sizes]
        pairs = sorted(
            product(self.left, self.right), key=lambda pair: len(sum(pair, ()))
        )
        self.both = [left + right for left, right in pairs]
        self.reach = reach
        self.each = np.full(len(vocabulary), 0.1)
        self.each[: self.special] = 1e-9  # they are never what was hidden
        self.counts: dict[tuple[Window, Window], Counter[int]] = defaultdict(Counter)

    def count(self, tokens: Tokens) -> None:
        """Count these (N,), too."""
        np.add.at(self.each, tokens, 1)
        padded = self._padded(tokens)
        for window in self.left + self.right + self.both:
            contexts = zip(*[self._at(padded, place) for place in window], strict=True)
            for context, token in zip(contexts, tokens.tolist(), strict=True):
                self.counts[window, context][token] += 1

    def _padded(self, tokens: Tokens) -> Tokens:
        """With tokens that are not known before (..., T) and behind it."""
        around = [(0, 0)] * (tokens.ndim - 1) + [(self.reach, self.reach)]
        return np.pad(tokens, around, constant_values=self.vocabulary.pad)

    def _at(self, padded: Tokens, place: int) -> list[int]:
        return padded[self.reach + place : len(padded) - self.reach + place].tolist()

    def alone(self) -> Probabilities:
        """P(t): (V,)."""
        return self.each / self.each.sum()

    def probabilities(self, inputs: Tokens, targets: Tokens) -> Probabilities:
        """(N, V) for the N places that have a target, from the inputs alone."""
        padded = self._padded(inputs)
        alone = self.alone()
        found = []
        for row, column in np.argwhere(targets != IGNORED):
            around = padded[row, column : column + 2 * self.reach + 1].tolist()
            p = self._refined(alone, self.left, around)
            p = p * self._refined(alone, self.right, around) / alone
            found.append(self._refined(p / p.sum(), self.both, around))
        return self._having_seen(inputs[targets != IGNORED], np.array(found))

    def _refined(
        self, p: Probabilities, windows: Iterable[Window], around: list[int]
    ) -> Probabilities:
        """P(t | the largest window) from p, what is known without these windows."""
        for window in windows:
            context = tuple(around[self.reach + place] for place in window)
            counts = self.counts.get((window, context))
            if counts and min(context) >= self.special:
                k = self._trust(window)
                p = k * p
                n = len(counts)
                tokens = np.fromiter(counts.keys(), np.int64, n)
                p[tokens] += np.fromiter(counts.values(), np.float64, n)
                p /= counts.total() + k
        return p

    def _trust(self, window: Window) -> float:
        if window[0] < 0 < window[-1]:
            return self.trust.both
        return self.trust.one if len(window) == 1 else self.trust.side

    def _having_seen(self, seen: Tokens, p: Probabilities) -> Probabilities:
        """P(t | l r, and what stands there): p (N, V) with Bayes' rule.

        [MASK] says nothing. Any other token is the true one half of the time; else it
        was drawn from all V, alike. So P(seen | t) is 1/2 [seen = t] + 1/2 1/V.
        """
        V = p.shape[1] - self.special
        (shown,) = np.nonzero(seen != self.vocabulary.mask)
        p[shown] /= V
        p[shown, seen[shown]] *= V + 1
        return p / p.sum(axis=1, keepdims=True)


def tuned(tokens: Tokens, vocabulary: Vocabulary, reach: int, width: int) -> TwoSided:
    """Counts of the tokens (N,), with the trust that is best for their last tenth.

    Best is the lowest -log p of what is hidden there, in blocks of some width, when
    only the rest is counted.
    """
    cut = len(tokens) * 9 // 10
    counts = TwoSided(vocabulary, reach)
    counts.count(tokens[:cut])
    last = tokens[cut:]
    blocks = last[: len(last) // width * width].reshape(-1, width)
    inputs, targets = masked(blocks, vocabulary, np.random.default_rng(0))
    truth = targets[targets != IGNORED]

    def loss(trust: Trust) -> float:
        counts.trust = trust
        p = counts.probabilities(inputs, targets)
        return float(-np.log(p[np.arange(len(p)), truth]).mean())

    trust = counts.trust
    for name, values in TRIED.items():  # one after the other
        trust = min([replace(trust, **{name: k}) for k in values], key=loss)
    counts.trust = trust
    counts.count(last)
    return counts
