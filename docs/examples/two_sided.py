"""What counting can say of a hidden token: the baseline of masked_words.py.

The token t between p, the one before it, and n, the one behind it, by how often these
were seen together. Where p or n is hidden itself, or an end, it is not known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import product
from typing import final

import numpy as np
from numpy.typing import NDArray

from nn.losses import IGNORED
from nn.transformer.masking import Tokens, masked
from nn.vocabulary import Vocabulary

Probabilities = NDArray[np.float64]
K = (3, 10, 30, 100)
M = (1, 3, 10)


@final
class TwoSided:
    """Counts of a text, smoothed towards what is known with less context.

    P(t)        (c(t) + 1/10) / (N + V/10)
    P(t | p)    (c(p t) + k P(t)) / (c(p) + k), and P(t | n) likewise
    Q(t | p n)  P(t | p) P(t | n) / P(t), over its sum: what both sides say, if t is
                all that connects them
    P(t | p n)  (c(p t n) + m Q(t | p n)) / (c(p . n) + m)
    """

    def __init__(self, tokens: Tokens, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.special = len(vocabulary.specials)  # the tokens below this one
        V = len(vocabulary)
        alone = np.bincount(tokens, minlength=V) + 0.1
        alone[: self.special] = 1e-9  # they are never what was hidden
        self.alone = alone / alone.sum()  # P(t): (V,)
        self.pairs = np.zeros((V, V))
        np.add.at(self.pairs, (tokens[:-1], tokens[1:]), 1)
        self.between: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        for p, t, n in np.stack([tokens[:-2], tokens[1:-1], tokens[2:]], 1).tolist():
            self.between[p, n][t] += 1
        self.smooth(k=30, m=3)

    def smooth(self, k: float, m: float) -> None:
        """How much to trust the smaller context: this many more counts go by it."""
        self.after, self.before = (
            self._smoothed(self.pairs, k),
            self._smoothed(self.pairs.T, k),
        )
        self.m = m

    def _smoothed(self, pairs: Probabilities, k: float) -> Probabilities:
        smoothed: Probabilities = pairs + k * self.alone
        return smoothed / (pairs.sum(axis=1, keepdims=True) + k)

    def probabilities(self, inputs: Tokens, targets: Tokens) -> Probabilities:
        """(N, V) for the N places that have a target, from the inputs alone."""
        rows, columns = np.nonzero(targets != IGNORED)
        before, behind = inputs[rows, columns - 1], inputs[rows, columns + 1]
        p = self._known(self.after, before) * self._known(self.before, behind)
        p /= self.alone
        p /= p.sum(axis=1, keepdims=True)
        for i, pair in enumerate(zip(before.tolist(), behind.tolist(), strict=True)):
            counts = self.between.get(pair)  # none with a special token
            if counts:
                p[i] *= self.m
                for token, count in counts.items():
                    p[i, token] += count
                p[i] /= counts.total() + self.m
        return self._having_seen(inputs[rows, columns], p)

    def _known(self, table: Probabilities, tokens: Tokens) -> Probabilities:
        special = (tokens < self.special)[:, None]
        known: Probabilities = np.where(special, self.alone, table[tokens])
        return known

    def _having_seen(self, seen: Tokens, p: Probabilities) -> Probabilities:
        """P(t | p n, and what stands there): p (N, V) with Bayes' rule.

        [MASK] says nothing. Any other token is the true one half of the time; else it
        was drawn from all V, alike. So P(seen | t) is 1/2 [seen = t] + 1/2 1/V.
        """
        V = p.shape[1] - self.special
        (shown,) = np.nonzero(seen != self.vocabulary.mask)
        p[shown] /= V
        p[shown, seen[shown]] *= V + 1
        return p / p.sum(axis=1, keepdims=True)


def tuned(tokens: Tokens, vocabulary: Vocabulary, rows: int) -> TwoSided:
    """Counts of the tokens (N,), smoothed as is best for their last tenth.

    k and m are those that, with the other nine tenths counted, find the lowest
    -log p of words hidden there. Blocks of `rows` tokens, as BERT's are.
    """
    cut = len(tokens) * 9 // 10
    trial = TwoSided(tokens[:cut], vocabulary)
    last = tokens[cut : cut + (len(tokens) - cut) // rows * rows].reshape(-1, rows)
    inputs, targets = masked(last, vocabulary, np.random.default_rng(0))

    def loss(settings: tuple[int, int]) -> float:
        trial.smooth(*settings)
        return surprise(trial.probabilities(inputs, targets), targets)

    counts = TwoSided(tokens, vocabulary)
    counts.smooth(*min(product(K, M), key=loss))
    return counts


def surprise(p: Probabilities, targets: Tokens) -> float:
    """The mean of -log p(target), of p (N, V)."""
    found = targets[targets != IGNORED]
    return float(-np.log(p[np.arange(len(found)), found]).mean())
