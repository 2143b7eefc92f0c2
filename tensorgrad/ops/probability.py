"""Softmax, and the loss of a classifier."""

import numpy as np

from ..errors import ShapeError
from ..graph import Variable
from ..kernels import kernel, reference
from ..op import fused
from .axes import rows
from .elementwise import where
from .exponential import exp
from .floats import fast
from .index import take_along_axis
from .reduce import logsumexp, mean, sum
from .shape import squeeze

__all__ = [
    "cross_entropy",
    "log_softmax",
    "softmax",
]


@fused
def softmax(x, *, axis=-1):
    """exp(x_i) / sum_j exp(x_j), after subtracting the maximum.

    A row of nothing but -inf gives zeros: all of its entries are masked.

    >>> softmax(Tensor([0.0, 0.0]))
    Tensor([0.5, 0.5], dtype=float32)
    """
    weights = exp(x - _top(x, axis))
    total = sum(weights, axis=axis, keepdims=True)
    return weights / where(total == 0, 1.0, total)


def _top(x, axis):
    """The maximum as a constant to subtract: it cancels, so it has no derivative."""
    data = x._data if isinstance(x, Variable) else x
    top = np.max(data, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(top), top, data.dtype.type(0))


def _along(axis, compiled, plain, *arrays):
    """Either kernel along an axis: both work along the last."""
    if not arrays[0].ndim:
        raise ShapeError("softmax and log_softmax need at least one axis")
    if axis in (-1, arrays[0].ndim - 1):
        return compiled(*arrays)
    # a compiled one would copy what does not lie together, and NumPy need not
    return plain(*[x.swapaxes(axis, -1) for x in arrays]).swapaxes(axis, -1)


@softmax.forward
def _(x, *, axis=-1):
    return (_along(axis, fast("softmax", x), reference.softmax, x),)


@softmax.backward
def _(g, out, axis):
    run = kernel("softmax_backward", out)
    return [_along(axis, run, reference.softmax_backward, g, out)]


@fused
def log_softmax(x, *, axis=-1):
    """x_i - log sum_j exp(x_j)

    >>> log_softmax(Tensor([0.0, 0.0]))
    Tensor([-0.6931472, -0.6931472], dtype=float32)
    """
    return x - logsumexp(x, axis=axis, keepdims=True)


@log_softmax.forward
def _(x, *, axis=-1):
    return (_along(axis, fast("log_softmax", x), reference.log_softmax, x),)


@log_softmax.backward
def _(g, out, axis):
    run = kernel("log_softmax_backward", out)
    return [_along(axis, run, reference.log_softmax_backward, g, out)]


@fused
def cross_entropy(logits, targets, *, ignore_index=-100, label_smoothing=0.0):
    """-log softmax(logits)[target], for each row: (..., V) and (...) -> (...).

    Rows whose target is `ignore_index` give 0. With label smoothing e, the target's
    probability is 1 - e + e / V and every other's e / V.

    >>> cross_entropy(Tensor([[0.0, 0.0]]), np.array([1]))
    Tensor([0.6931472], dtype=float32)
    """
    scores = log_softmax(logits)
    targets = getattr(targets, "_data", targets)
    known = targets != ignore_index
    index = np.expand_dims(np.where(known, targets, 0), -1)
    picked = squeeze(take_along_axis(scores, index, axis=-1), axis=-1)
    losses = (label_smoothing - 1.0) * picked
    if label_smoothing:  # 0 * inf would be NaN
        losses = losses - label_smoothing * mean(scores, axis=-1)
    return where(known, losses, 0.0)


@cross_entropy.forward
def _(logits, targets, *, ignore_index=-100, label_smoothing=0.0):
    targets = np.asarray(targets)
    fits = logits.ndim > 0 and targets.shape == logits.shape[:-1]
    if not fits or targets.dtype.kind not in "iu":
        raise ShapeError(
            f"cross_entropy: logits {logits.shape} need integer targets of shape "
            f"{logits.shape[:-1]}; got {targets.dtype} {targets.shape}"
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing is 0 to 1, not {label_smoothing}"
        )
    if targets.dtype == np.uint64 and targets.max(initial=0) > np.iinfo(np.int64).max:
        found = f"cross_entropy: target {targets.max()} is none of the"
        raise ShapeError(f"{found} {logits.shape[-1]} classes")
    flat = rows(logits)
    flat_targets = targets.reshape(-1).astype(np.int64, copy=False)
    try:
        losses, log_normaliser = fast("cross_entropy", flat)(
            flat, flat_targets, ignore_index, label_smoothing
        )
    except IndexError as error:
        raise ShapeError(str(error)) from None
    return losses.reshape(targets.shape), log_normaliser


@cross_entropy.backward
def _(g, logits, targets, log_normaliser, ignore_index, label_smoothing):
    flat = rows(logits)
    gflat = kernel("cross_entropy_backward", flat)(
        np.ascontiguousarray(g).reshape(-1),
        flat,
        np.asarray(targets).reshape(-1).astype(np.int64, copy=False),
        log_normaliser,
        ignore_index,
        label_smoothing,
    )
    return [gflat.reshape(logits.shape), None]
