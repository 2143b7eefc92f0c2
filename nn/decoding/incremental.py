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


def checked(scores: ArrayLike, rows: int) -> Scores:
    """The scores (N, V) in float64, fit to choose from."""
    array = np.asarray(scores, np.float64)
    if array.ndim != 2 or len(array) != rows or not array.size:
        raise ShapeError(
            f"the model's scores have shape {array.shape}; for {rows} sequences they "
            f"should be ({rows}, V), of the one token that follows"
        )
    # what NaN, +inf and a row of nothing but -inf have in common
    unfit = ~np.isfinite(array.max(-1))
    if unfit.any():
        i = int(unfit.argmax())
        raise InputError(
            f"the model's scores give no probabilities: those of sequence {i} have "
            f"{array[i].max()} for their maximum. Did its training diverge?"
        )
    return array


def require(holds: bool, name: str, value: object, what: str) -> None:
    """Refuse a setting by its name."""
    if not holds:
        raise ConfigError(f"{name} must be {what}; got {value!r}")


def require_whole(name: str, value: object, least: int) -> None:
    holds = isinstance(value, Integral) and int(value) >= least
    require(holds, name, value, f"a whole number, {least} or more")


def require_penalties(repetition_penalty: float, no_repeat_ngram: int) -> None:
    holds = 0 < repetition_penalty < math.inf
    require(holds, "repetition_penalty", repetition_penalty, "a number above 0")
    require_whole("no_repeat_ngram", no_repeat_ngram, 0)


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
