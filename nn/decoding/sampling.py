"""The settings of sampling, and how they choose a token."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

import tensorgrad as tg

from . import filters
from .incremental import (
    Logits,
    Scores,
    Tokens,
    require,
    require_penalties,
    require_whole,
)


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the scores.

    What is suppressed goes first, then the others apply in this order, a final token
    before the temperature.
    """

    repetition_penalty: float = 1.0
    """Above 1, tokens that were there before become less likely; 1: they don't."""
    no_repeat_ngram: int = 0
    """No n tokens come in the same order twice, prompt included; 0: they may."""
    temperature: float = 1.0
    """Below 1 the likely becomes likelier; 0 always takes the likeliest."""
    top_k: int = 0
    """Draw from the k likeliest tokens only; 0: from all."""
    top_p: float = 1.0
    """Draw from the fewest likeliest tokens with this much probability; 1: from all."""
    suppress: tuple[int, ...] = ()
    """Tokens that are never written, by their numbers."""
    final_token: int | None = None
    """The last of max_new_tokens is this one; None: any."""

    def __post_init__(self) -> None:
        require_penalties(self)
        t, p = self.temperature, self.top_p
        require(0 <= t < math.inf, "temperature", t, "a number, 0 or more")
        require_whole("top_k", self.top_k, 0)
        require(0 < p <= 1, "top_p", p, "a number above 0 and at most 1")

    def in_use(
        self, tokens: Tokens, last: ArrayLike = False
    ) -> dict[str, filters.Filter]:
        """The filters of these settings that do something, by name, in their order.

        For sequences (..., T), -1 where padded, of which the next token is the last
        (...,).
        """
        found = filters.penalties(self, tokens, last)
        if self.temperature != 1:
            found["temperature"] = lambda x: filters.temperature(x, self.temperature)
        if self.temperature == 0:
            return found  # one is left
        if self.top_k:
            found["top_k"] = lambda x: filters.top_k(x, self.top_k)
        if self.top_p < 1:
            found["top_p"] = lambda x: filters.top_p(x, self.top_p)
        return found

    def candidates(
        self, logits: ArrayLike, tokens: Tokens, last: ArrayLike = False
    ) -> Scores:
        """Logits (..., V) after all filters: see `in_use`."""
        x = np.asarray(logits, np.float64)
        for each in self.in_use(tokens, last).values():
            x = each(x)
        return x


GREEDY = Sampling(temperature=0)
"""The likeliest token at each step."""
UNCHANGED = Sampling()  # draws with the model's own probabilities


def choose(
    settings: Sampling,
    logits: Logits,
    likeliest: Tokens,
    sequences: Tokens,
    last: ArrayLike,
    chances: Scores,
) -> Tokens:
    """The next token (M,) of each sequence (M, T), from logits (M, V)."""
    if settings.temperature > 0:
        return draw(settings.candidates(logits, sequences, last), chances)
    penalties = filters.penalties(settings, sequences, last)
    if not penalties:
        return likeliest
    x: ArrayLike = logits
    for each in penalties.values():
        x = each(x)
    return np.argmax(x, -1)


def draw(logits: Scores, chances: Scores) -> Tokens:
    """The token (...) whose part of softmax(logits) (..., V) the chance falls in.

    Chances (...) are at least 0 and below 1.

    >>> draw(np.log([0.25, 0.25, 0.5]), np.array(0.4))
    array(1)
    """
    ends = np.exp(logits - logits.max(-1, keepdims=True)).cumsum(-1)
    # below the last end, since chances are; a token of probability 0 has no part
    points = chances[..., None] * ends[..., -1:]
    return np.asarray((points < ends).argmax(-1))


def explain(
    logits: ArrayLike,
    tokens: ArrayLike,
    settings: Sampling,
    last: bool = False,
) -> dict[str, Scores]:
    """What each filter in use makes of the probabilities (V,) of the next token.

    For one sequence (T,), from the model's logits (V,). The first, `model`, are the
    model's own; the last are those that the token is drawn with. `last` says that no
    other may follow it.

    >>> logits = np.log([0.1, 0.4, 0.2, 0.3])
    >>> stages = explain(logits, [], Sampling(temperature=0.5, top_k=3, top_p=0.8))
    >>> for name, probabilities in stages.items():
    ...     print(f"{name:<11}", probabilities.round(2))
    model       [0.1 0.4 0.2 0.3]
    temperature [0.03 0.53 0.13 0.3 ]
    top_k       [0.   0.55 0.14 0.31]
    top_p       [0.   0.64 0.   0.36]
    """
    x = np.asarray(logits, np.float64)
    stages = {"model": tg.softmax(x)}
    for name, each in settings.in_use(np.asarray(tokens, np.int64), last).items():
        x = each(x)
        stages[name] = tg.softmax(x)
    return stages
