"""What stands between a model's scores and the token that is chosen.

Each takes logits (..., V) and gives logits (..., V), in float64, with -inf where a
token is ruled out. At least one token of each row must be finite, and then one still
is afterwards. A setting that changes nothing is the first in each range: (), 1, 0,
None, 1, 0, 1. The order in use is that of this file. It is Hugging Face's, but that
`suppress` is the first: the penalties in between make no difference to it, and see
what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

import tensorgrad as tg
from tensorgrad.errors import InputError

from .incremental import Scores, Tokens

Filter = Callable[[ArrayLike], Scores]


def penalties(settings: Any, tokens: Tokens, last: ArrayLike) -> dict[str, Filter]:
    """Those of `Sampling` and `Beams` alike that are in use, by name, in their order.

    For sequences (..., T), -1 where padded, of which the next token is the last (...,).
    """
    s = settings
    every: dict[str, tuple[Any, Filter]] = {
        "suppress": (len(s.suppress), lambda x: suppress(x, s.suppress)),
        "repetition_penalty": (
            s.repetition_penalty != 1,
            lambda x: repetition_penalty(x, tokens, s.repetition_penalty),
        ),
        "no_repeat_ngram": (
            s.no_repeat_ngram,
            lambda x: no_repeat_ngram(x, tokens, s.no_repeat_ngram),
        ),
        "final_token": (
            s.final_token is not None and np.any(last),
            lambda x: final_token(x, s.final_token, last),
        ),
    }
    return {name: each for name, (used, each) in every.items() if used}


def check_known(settings: Any, V: int) -> None:
    """InputError for tokens in `Sampling` or `Beams` that are none of the V."""
    for token in settings.suppress:
        _known("suppress", token, V)
    if settings.final_token is not None:
        _known("final_token", settings.final_token, V)


def suppress(logits: ArrayLike, never: Sequence[int]) -> Scores:
    """-inf for these tokens, whatever was there before.

    >>> suppress([1.0, 2.0, 3.0], [2])
    array([  1.,   2., -inf])
    """
    x = np.array(logits, np.float64)
    if not len(never):
        return x
    _known("suppress", max(never), x.shape[-1])
    x[..., list(never)] = -np.inf
    if np.isneginf(x.max(-1)).any():
        raise InputError("suppress rules out every token that could follow")
    return x


def repetition_penalty(logits: ArrayLike, tokens: Tokens, penalty: float) -> Scores:
    """l / penalty where l > 0, else l * penalty, for each token there was before.

    `tokens` (..., T) are the sequences so far, -1 where padded. Source: Keskar et al.,
    CTRL (2019), section 4.1; the second case keeps a penalty from being a reward.

    >>> repetition_penalty([2.0, -1.0, 3.0], np.array([0, 1]), 2.0)
    array([ 1., -2.,  3.])
    """
    x = np.asarray(logits, np.float64)
    if penalty == 1:
        return x
    marked = np.where(x < 0, x * penalty, x / penalty)
    return np.where(_mark(tokens, x.shape), marked, x)


def no_repeat_ngram(logits: ArrayLike, tokens: Tokens, n: int) -> Scores:
    """-inf for what would complete n tokens that were there before; n = 0: nothing.

    `tokens` (..., T) are the sequences so far, -1 where padded. A row in which that
    would rule out everything is left as it is.

    >>> no_repeat_ngram([0.0, 1.0, 2.0], np.array([1, 2, 0, 1]), 2)
    array([  0.,   1., -inf])
    """
    x = np.asarray(logits, np.float64)
    T = tokens.shape[-1]
    if n == 0 or n > T:
        return x
    windows = sliding_window_view(tokens, n, axis=-1)  # (..., T - n + 1, n)
    last = tokens[..., None, T - n + 1 :]  # the n - 1 tokens that the next will follow
    begun = (windows[..., :-1] == last).all(-1)
    banned = _mark(np.where(begun, windows[..., -1], -1), x.shape)
    rest = np.where(banned, -np.inf, x)
    return np.where(np.isneginf(rest.max(-1, keepdims=True)), x, rest)


def final_token(logits: ArrayLike, token: int | None, last: ArrayLike) -> Scores:
    """Nothing but this token where the next one is the last (...,); it has 0 there.

    >>> final_token([[1.0, 2.0], [3.0, 4.0]], 0, [False, True])
    array([[ 1.,   2.], [ 0., -inf]])
    """
    x = np.asarray(logits, np.float64)
    if token is None:
        return x
    _known("final_token", token, x.shape[-1])
    only = np.where(np.arange(x.shape[-1]) == token, 0.0, -np.inf)
    return np.where(np.asarray(last, bool)[..., None], only, x)


def temperature(logits: ArrayLike, temperature: float) -> Scores:
    """(l - max l) / temperature; at 0 only the likeliest is left, the first of equals.

    The maximum goes first, since dividing by a tiny temperature would overflow.

    >>> temperature([1.0, 3.0, 3.0], 0.5), temperature([1.0, 3.0, 3.0], 0)
    (array([-4., 0., 0.]), array([-inf, 0., -inf]))
    """
    x = np.asarray(logits, np.float64)
    if temperature == 0:
        likeliest = x.argmax(-1)[..., None]
        return np.where(np.arange(x.shape[-1]) == likeliest, 0.0, -np.inf)
    with np.errstate(over="ignore"):  # to -inf, as it should
        return (x - x.max(-1, keepdims=True)) / temperature


def top_k(logits: ArrayLike, k: int) -> Scores:
    """The k largest, and what equals the smallest of them; 0, or k >= V: all.

    >>> top_k([1.0, 4.0, 3.0, 3.0], 2)
    array([-inf,   4.,   3.,   3.])
    """
    x = np.asarray(logits, np.float64)
    if k == 0 or k >= x.shape[-1]:
        return x
    smallest = np.partition(x, -k, axis=-1)[..., -k, None]
    return np.where(x >= smallest, x, -np.inf)


def top_p(logits: ArrayLike, p: float) -> Scores:
    """The fewest likeliest tokens that together have probability p; at least one.

    Of equals the first goes first. Source: Holtzman et al., The Curious Case of Neural
    Text Degeneration (2020), section 3.1.

    >>> logits = np.log([0.125, 0.5, 0.25, 0.125])
    >>> np.exp(top_p(logits, 0.5)), np.exp(top_p(logits, 0.8))
    (array([0. , 0.5, 0. , 0. ]), array([0.125, 0.5  , 0.25 , 0.   ]))
    """
    x = np.asarray(logits, np.float64)
    if p == 1:
        return x  # where rounding could leave out the least likely
    mass = tg.softmax(x)
    # those below have less than 1 - p together, so they are not needed for p: most of
    # a large vocabulary need not be sorted
    least = (1 - p) / (2 * x.shape[-1])
    out = np.full(x.shape, -np.inf)
    for row in np.ndindex(x.shape[:-1]):
        among = np.flatnonzero(mass[row] >= least)
        order = among[np.argsort(-x[row][among], kind="stable")]
        before = np.searchsorted(mass[row][order].cumsum(), p)  # how many reach less
        kept = order[: before + 1]
        out[row][kept] = x[row][kept]
    return out


def _known(name: str, token: int, V: int) -> None:
    if token >= V:
        raise InputError(f"{name}: token {token} is none of the model's {V}")


def _mark(tokens: Tokens, shape: tuple[int, ...]) -> np.ndarray:
    """True (..., V) at these tokens (..., T); -1 marks nothing."""
    marked = np.zeros((*shape[:-1], shape[-1] + 1), np.bool_)
    np.put_along_axis(marked, tokens, True, -1)  # -1 is the column too many
    return marked[..., :-1]
