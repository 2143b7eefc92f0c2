"""Scaled dot-product attention."""

import math

import numpy as np

from ..errors import DtypeError, ShapeError
from ..kernels import kernel
from ..op import fused
from .elementwise import where
from .floats import fast, promoted
from .probability import softmax
from .shape import matrix_transpose

__all__ = [
    "attention",
]


@fused
def attention(
    q, k, v, mask=None, dropout_mask=None, *, causal=False, scale=None, heads=None
):
    """softmax(q @ k.T * scale + mask) @ v

    q is (..., T, D), k (..., S, D), v (..., S, E) and the result (..., T, E).
    `mask` broadcasts to (..., T, S): booleans, True where a query may look, or
    numbers that are added. `causal` lets query t see the keys up to t + S - T. A row
    that may look nowhere gives zeros. `dropout_mask` multiplies the weights. `scale`
    is 1 / sqrt(D) by default. With `heads`, the last axes hold so many heads side by
    side, (..., T, heads D) and so on, and the masks are for (..., heads, T, S). Source:
    Vaswani et al., Attention Is All You Need, section 3.2, arXiv 1706.03762.

    >>> attention(Tensor([[1.0]]), Tensor([[0.0], [0.0]]), Tensor([[1.0], [3.0]]))
    Tensor([[2.]], dtype=float32)
    """
    if heads is not None:
        q, k, v = split_heads(q, heads), split_heads(k, heads), split_heads(v, heads)
    scores = (q @ matrix_transpose(k)) * _scale(q, scale)
    if mask is not None:
        scores = where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = where(causal_mask(*scores.shape[-2:]), scores, -np.inf)
    weights = softmax(scores)
    out = (weights if dropout_mask is None else weights * dropout_mask) @ v
    return out if heads is None else merge_heads(out)


def split_heads(x, heads):
    """(..., T, H D) -> (..., H, T, D), without moving an element."""
    *lead, T, C = x.shape
    return x.reshape((*lead, T, heads, C // heads)).swapaxes(-2, -3)


def merge_heads(x):
    """(..., H, T, D) -> (..., T, H D): what split_heads did, undone."""
    *lead, H, T, D = x.shape
    return x.swapaxes(-2, -3).reshape((*lead, T, H * D))


def _scale(q, scale):
    return 1 / math.sqrt(q.shape[-1] or 1) if scale is None else scale


def causal_mask(t, s):
    """(T, S) booleans: the last query sees all keys, each earlier one one less."""
    return np.tri(t, s, s - t, dtype=bool)


@attention.forward
def _(q, k, v, mask=None, dropout_mask=None, *, causal=False, scale=None, heads=None):
    if heads is not None:
        _check_heads(heads, q, k, v)
        q, k, v = split_heads(q, heads), split_heads(k, heads), split_heads(v, heads)
    together = q.shape[:-2] == k.shape[:-2] == v.shape[:-2]
    if not together or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"attention: q {q.shape}, k {k.shape}, v {v.shape} should be (..., T, D), "
            "(..., S, D) and (..., S, any), alike in the axes before"
        )
    for m in (mask, dropout_mask):
        if m is not None:
            _check_mask(m, (*q.shape[:-1], k.shape[-2]))
    q4, k4, v4, mask4, drop4 = _four_axes(*promoted(q, k, v), mask, dropout_mask)
    out, log_normaliser = fast("attention", q4)(
        q4, k4, v4, mask4, drop4, causal, _scale(q, scale)
    )
    out = out.reshape(*q.shape[:-1], v.shape[-1])
    return out if heads is None else merge_heads(out), log_normaliser


def _check_heads(heads, *xs):
    for x in xs:
        if heads < 1 or x.ndim < 2 or x.shape[-1] % heads:
            raise ShapeError(
                f"attention: {heads} heads can't share the last axis of {x.shape}"
            )


def _check_mask(mask, scores):
    """Refuse a mask that does not broadcast, or of 0 and 1: would 0 hide, or add 0?"""
    if mask.dtype.kind not in "bf":
        raise DtypeError(
            f"attention: a mask is of booleans, or of floats to add; not {mask.dtype}"
        )
    fits = (n in (1, m) for n, m in zip(mask.shape[::-1], scores[::-1], strict=False))
    if mask.ndim > len(scores) or not all(fits):
        raise ShapeError(f"attention: a mask {mask.shape} for scores {scores}")


def _four_axes(q, k, v, mask, dropout_mask, *like_q):
    """(..., T, D) as (B, H, T, D): leading axes added, or folded into B."""
    if q.ndim > 4:  # a mask that broadcasts can only be folded when spelt out
        full = (*q.shape[:-1], k.shape[-2])
        mask, dropout_mask = [
            m if m is None else np.broadcast_to(m, full) for m in (mask, dropout_mask)
        ]
    xs = (q, k, v, mask, dropout_mask, *like_q)
    return [
        x if x is None or x.ndim == 4 else _fold((1,) * (4 - x.ndim), x) for x in xs
    ]


def _fold(ones, x):
    *lead, n, t, d = ones + x.shape
    return x.reshape(math.prod(lead), n, t, d)


@attention.backward
def _(g, q, k, v, mask, dropout_mask, out, log_normaliser, causal, scale, heads):
    xs = [*promoted(q, k, v), g, out]
    if heads is not None:
        xs = [split_heads(x, heads) for x in xs]
    q4, k4, v4, mask4, drop4, g4, out4 = _four_axes(
        *xs[:3], mask, dropout_mask, *xs[3:]
    )
    scale = _scale(xs[0], scale)
    found = kernel("attention_backward", q4)(
        g4, q4, k4, v4, out4, log_normaliser, mask4, drop4, causal, scale
    )
    found = [gx.reshape(x.shape) for gx, x in zip(found, xs, strict=False)]
    if heads is not None:
        found = [merge_heads(gx) for gx in found]
    return [*found, None, None]
