"""What decoding asks of a model, and how prompts and scores pass between the two."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from numbers import Integral
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError, InputError, ShapeError

Tokens = NDArray[np.int64]
Scores = NDArray[np.float64]
BLOCK = 256  # values of which one alone is looked at twice
Logits = NDArray[np.floating[Any]]  # as a model gives them


class Incremental(Protocol):
    """A model in the midst of N sequences, of which it has read some tokens.

    The first `advance` brings the prompts and so decides N, unless the model knows it
    already, from the N sources of an encoder.
    """

    def advance(
        self, tokens: NDArray[Any], real: NDArray[np.bool_] | None = None
    ) -> ArrayLike:
        """Read T more tokens (N, T) of each; the scores (N, V) of what follows them.

        Scores are logits: softmax makes probabilities of them. `real` (N, T) is False
        where a row is padded, on its left; only the first call may have it.
        """
        ...

    def select(self, rows: NDArray[np.int64]) -> None:
        """Go on with these rows (M,) of the sequences, in this order.

        A row may be left out, and it may be taken several times.
        """
        ...


def pack(prompts: Sequence[ArrayLike]) -> tuple[Tokens, NDArray[np.bool_]]:
    """Prompts of any lengths as tokens (N, T), 0 on the left, and which are real."""
    rows = [_checked_prompt(i, prompt) for i, prompt in enumerate(prompts)]
    T = max(map(len, rows), default=0)
    tokens = np.zeros((len(rows), T), np.int64)
    real = np.zeros((len(rows), T), np.bool_)
    for i, row in enumerate(rows):
        tokens[i, T - len(row) :] = row
        real[i, T - len(row) :] = True
    return tokens, real


def _checked_prompt(i: int, prompt: ArrayLike) -> Tokens:
    tokens = np.asarray(prompt)
    if tokens.shape == (0,):
        raise InputError(
            f"prompt {i} is empty: the model needs a token to go on from. "
            "Start it with the token that begins a text, or with a newline?"
        )
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu" or tokens.min() < 0:
        raise InputError(
            f"prompt {i} is not a row of tokens (T,), integers from 0 up: "
            f"it has shape {tokens.shape} and dtype {tokens.dtype}"
        )
    return tokens.astype(np.int64)


def read_prompts(
    model: Incremental, tokens: Tokens, real: NDArray[np.bool_]
) -> ArrayLike:
    """One pass over the prompts. `real` is mentioned only where something is not."""
    return model.advance(tokens) if real.all() else model.advance(tokens, real)


def checked(scores: ArrayLike, rows: int) -> tuple[Logits, Tokens]:
    """The scores (N, V), fit to choose from, and the likeliest of each row (N,).

    They are looked at once, and not copied: V is large.
    """
    array = np.asarray(scores)
    if array.dtype.kind != "f":
        array = np.asarray(scores, np.float64)
    if array.ndim != 2 or len(array) != rows or not array.size:
        raise ShapeError(
            f"the model's scores have shape {array.shape}; for {rows} sequences they "
            f"should be ({rows}, V), of the one token that follows"
        )
    likeliest = array.argmax(-1)  # or where NaN is
    maxima = np.take_along_axis(array, likeliest[:, None], -1)
    # what NaN, +inf and a row of nothing but -inf have in common
    unfit = ~np.isfinite(maxima[:, 0])
    if unfit.any():
        i = int(unfit.argmax())
        raise InputError(
            f"the model's scores give no probabilities: those of sequence {i} have "
            f"{maxima[i, 0]} for their maximum. Did its training diverge?"
        )
    return array, likeliest


def log_probs_of(logits: Logits, likeliest: Tokens, tokens: Tokens) -> Scores:
    """log p (N, k) of these tokens (N, k): l - log sum exp l, in float64.

    >>> log_probs_of(np.log([[0.25, 0.75]]), np.array([1]), np.array([[0, 1]]))
    array([[-1.39, -0.29]])
    """
    maxima = np.take_along_axis(logits, likeliest[:, None], -1)
    weights = np.subtract(logits, maxima, dtype=np.float64)
    total = np.exp(weights, out=weights).sum(-1, keepdims=True)
    chosen = np.take_along_axis(logits, tokens, -1)
    log_probs: Scores = np.subtract(chosen, maxima, dtype=np.float64) - np.log(total)
    return log_probs


def largest(values: Logits, count: int) -> Tokens:
    """Where the largest (...,) stand, largest first, of equals the first.

    >>> largest(np.array([1.0, 3.0, -np.inf, 3.0, 2.0]), 3)
    array([1, 3, 4])
    """
    least = -np.inf
    if count < values.size:
        # so many maxima of blocks are values too: none of the largest is below them
        blocks = values[: values.size // BLOCK * BLOCK].reshape(-1, BLOCK).max(-1)
        few = blocks if count < blocks.size else values
        least = np.partition(few, -count)[-count]
    among = np.flatnonzero(values >= least)
    return among[np.argsort(-values[among], kind="stable")][:count]


def require(holds: bool, name: str, value: object, what: str) -> None:
    """Refuse a setting by its name."""
    if not holds:
        raise ConfigError(f"{name} must be {what}; got {value!r:.80}")


def require_whole(name: str, value: object, least: int) -> None:
    holds = isinstance(value, Integral) and int(value) >= least
    require(holds, name, value, f"a whole number, {least} or more")


def require_penalties(settings: Any) -> None:
    """Refuse what `Sampling` and `Beams` alike cannot have."""
    penalty, ngram = settings.repetition_penalty, settings.no_repeat_ngram
    holds = 0 < penalty < math.inf
    require(holds, "repetition_penalty", penalty, "a number above 0")
    require_whole("no_repeat_ngram", ngram, 0)
    for token in settings.suppress:
        require_whole("each of suppress", token, 0)
    final = settings.final_token
    if final is not None:
        require_whole("final_token", final, 0)
        free = final not in settings.suppress
        require(free, "final_token", final, "a token that suppress allows")


def limits(max_new_tokens: int | Sequence[int], prompts: int) -> list[int]:
    """How many tokens each of the prompts may get: its own number, or one for all."""
    if isinstance(max_new_tokens, Sequence):
        given = list(max_new_tokens)
        right = len(given) == prompts
        require(right, "max_new_tokens", given, f"one number, or {prompts} of them")
    else:
        given = [max_new_tokens] * prompts or [max_new_tokens]
    for limit in given:
        require_whole("max_new_tokens", limit, 1)
    return given


def stop_set(stop_tokens: Collection[int]) -> frozenset[int]:
    for token in stop_tokens:
        require_whole("each of stop_tokens", token, 0)
    return frozenset(map(int, stop_tokens))
