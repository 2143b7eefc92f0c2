"""What stands between a model's scores and the token that is chosen.

Each takes logits (..., V) and gives logits (..., V), in float64, with -inf where a
token is ruled out. At least one token of each row must be finite, and then one still
is afterwards. A setting that changes nothing is the first in each range: 1, 0, 1, 0, 1.
The order in use is Hugging Face's, which is the order of this file.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

import tensorgrad as tg

from .incremental import Scores, Tokens


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
    order = np.argsort(-x, axis=-1, kind="stable")
    mass = tg.softmax(np.take_along_axis(x, order, -1)).cumsum(-1)
    before = np.concatenate([np.zeros_like(mass[..., :1]), mass[..., :-1]], -1)
    kept = np.zeros(x.shape, np.bool_)
    np.put_along_axis(kept, order, before < p, -1)
    return np.where(kept, x, -np.inf)


def _mark(tokens: Tokens, shape: tuple[int, ...]) -> np.ndarray:
    """True (..., V) at these tokens (..., T); -1 marks nothing."""
    marked = np.zeros((*shape[:-1], shape[-1] + 1), np.bool_)
    np.put_along_axis(marked, tokens, True, -1)  # -1 is the column too many
    return marked[..., :-1]
