"""Models for the tests of decoding: functions of the whole sequence."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nn.decoding import Incremental

Function = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Recomputing(Incremental):
    """Scores from a function of all tokens (N, T) so far and which of them are real.

    It holds decoding to the contract, and counts what it asks for.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.tokens = np.zeros((0, 0), int)
        self.real = np.zeros((0, 0), bool)
        self.rows_read: list[int] = []

    def advance(self, tokens: Any, real: Any = None) -> np.ndarray:
        first = not self.rows_read
        assert first or real is None, "only prompts are padded"
        assert first or len(tokens) == len(self.tokens), "as many as before"
        assert tokens.dtype == np.int64
        if real is None:
            real = np.ones(tokens.shape, bool)
        else:
            assert not real.all(), "to be mentioned only where something is padded"
            assert np.array_equal(real, np.sort(real, -1)), "padding is on the left"
        if first:
            self.tokens, self.real = tokens, real
        else:
            self.tokens = np.concatenate([self.tokens, tokens], -1)
            self.real = np.concatenate([self.real, real], -1)
        self.rows_read.append(len(tokens))
        return self.function(self.tokens, self.real)

    def select(self, rows: Any) -> None:
        assert self.rows_read, "there is nothing yet to select from"
        self.tokens, self.real = self.tokens[rows], self.real[rows]


class Tree:
    """Random scores (V,) of what follows each sequence, other ones for each seed."""

    def __init__(self, V: int, seed: int = 0, spread: float = 2.0) -> None:
        self.V, self.seed, self.spread = V, seed, spread

    def scores(self, sequence: Sequence[int]) -> np.ndarray:
        rng = np.random.default_rng([self.seed, len(sequence), *sequence])
        return self.spread * rng.standard_normal(self.V)

    def log_probs(self, sequence: Sequence[int]) -> np.ndarray:
        scores = self.scores(sequence)
        return scores - np.log(np.exp(scores).sum())

    def model(self) -> Recomputing:
        def function(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
            rows = zip(tokens, real, strict=True)
            return np.stack([self.scores(row[kept].tolist()) for row, kept in rows])

        return Recomputing(function)

    def log_prob(self, prompt: Sequence[int], tokens: Sequence[int]) -> float:
        """log p(tokens | prompt), one forward look at a time."""
        return sum(self.log_probs_of(prompt, tokens))

    def log_probs_of(self, prompt: Sequence[int], tokens: Sequence[int]) -> list[float]:
        sequence = list(prompt)
        found = []
        for token in tokens:
            found.append(float(self.log_probs(sequence)[token]))
            sequence.append(int(token))
        return found
