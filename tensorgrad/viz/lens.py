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
    said: dict[str, list[Array]] = {}
    logits = np.zeros((0, 0))
    for logits in layers:
        check_logits(logits, len(followed))
        for name, array in _said(logits, followed).items():
            said.setdefault(name, []).append(array)
    return {name: packed(np.array(arrays)) for name, arrays in said.items()}, logits


def _said(logits: Array, followed: NDArray[np.int64]) -> dict[str, Array]:
    """What one layer says, from its logits (T, V)."""
    tokens = np.stack([likeliest(row, SHOWN) for row in logits])  # (T, K)
    own = np.take_along_axis(logits, followed[:, None], -1)
    total = log_sum_exp(logits)[:, None]
    return {
        "tokens": tokens.astype(np.int32),
        "chances": np.exp(np.take_along_axis(logits, tokens, -1) - total),
        "followed": np.exp(own - total)[:, 0],
        "ranks": (1 + np.count_nonzero(logits > own, axis=-1)).astype(np.int32),
    }


def likeliest(logits: Array, count: int) -> NDArray[np.int64]:
    """The tokens with the largest logits (V,), largest first, of equals the first.

    >>> likeliest(np.array([1.0, 3.0, 3.0, 2.0]), 3)
    array([1, 2, 3])
    """
    count = min(count, logits.size)
    least = np.partition(logits, -count)[-count]
    among = np.flatnonzero(logits >= least)
    return among[np.argsort(-logits[among], kind="stable")][:count]


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
