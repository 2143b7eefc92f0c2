"""What each layer of a model alone would say of the next token: the logit lens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ShapeError
from .candidates import log_sum_exp
from .texts import packed

Array = NDArray[Any]
SHOWN = 8  # tokens of each layer at each place


def lens(
    layers: Iterable[Array], followed: NDArray[np.int64]
) -> tuple[dict[str, Any], Array]:
    """What the layers say, for the page, and the logits (T, V) of the last.

    For L layers, the embeddings among them, and T places:

    tokens, chances  (L, T, K): the likeliest, likeliest first
    followed, ranks  (L, T): the chance and the rank of the token that follows
    """
    tokens, chances, followed_chances, ranks = [], [], [], []
    T, logits = len(followed), np.zeros((0, 0))
    for logits in layers:
        check_logits(logits, T)
        K = min(SHOWN, logits.shape[-1])
        best = np.argpartition(-logits, K - 1, axis=-1)[:, :K]
        best.sort(axis=-1)  # of equals the first
        values = np.take_along_axis(logits, best, -1)
        order = np.argsort(-values, axis=-1, kind="stable")
        best = np.take_along_axis(best, order, -1)
        total = log_sum_exp(logits)[:, None]
        own = np.take_along_axis(logits, followed[:, None], -1)
        tokens.append(best)
        chances.append(np.exp(np.take_along_axis(logits, best, -1) - total))
        followed_chances.append(np.exp(own - total)[:, 0])
        ranks.append(1 + np.count_nonzero(logits > own, axis=-1))
    return {
        "tokens": packed(np.array(tokens, np.int32)),
        "chances": packed(np.array(chances, np.float64)),
        "followed": packed(np.array(followed_chances, np.float64)),
        "ranks": packed(np.array(ranks, np.int32)),
    }, logits


def last(layers: Iterable[Array], T: int) -> Array:
    """The logits (T, V) of the last layer: those of the model."""
    logits = None
    for logits in layers:
        check_logits(logits, T)
    if logits is None:
        raise ShapeError("next_token: layer_logits gave no layer")
    return logits


def check_logits(logits: Array, T: int) -> None:
    """ShapeError for what is not (T, V) of numbers that give probabilities."""
    shape = np.shape(logits)
    if len(shape) != 2 or shape[0] != T or not shape[1]:
        raise ShapeError(
            f"next_token: layer_logits gave {shape}; it should be ({T}, V), of what "
            f"follows each of {T} tokens"
        )
    if not np.isfinite(np.max(logits, axis=-1)).all():
        raise InputError(
            "next_token: the model's scores give no probabilities: they hold NaN or "
            "infinity. Did its training diverge?"
        )
