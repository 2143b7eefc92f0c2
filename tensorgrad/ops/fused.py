"""Ops that run as one kernel; each body is its definition in other ops."""

import math

import numpy as np

from ..errors import DtypeError, ShapeError
from ..graph import Variable
from ..kernels import kernel
from ..op import fused, primitive
from .elementwise import exp, tanh, where
from .index import take_along_axis
from .reduce import logsumexp, mean, sum
from .shape import matrix_transpose, rows, squeeze


def fast(name, x):
    """The kernel for x, which must hold floats."""
    if x.dtype.kind != "f":
        raise DtypeError(f"{name} needs floats, not {x.dtype}: convert it with astype")
    return kernel(name, x)


def promoted(*xs):
    """The arrays in their common dtype: a kernel knows one."""
    dtype = np.result_type(*[x for x in xs if x is not None])
    return [x if x is None else x.astype(dtype, copy=False) for x in xs]


@primitive
def erf(x):
    """(2 / sqrt(pi)) times the integral of e^(-t^2) from 0 to x

    >>> erf(Tensor([0.0, 1.0]))
    Tensor([0.       , 0.8427008], dtype=float32)
    """
    return fast("erf", x)(x)


erf.gradient(x=lambda g, x: g * (exp(-x * x) * (2 / math.sqrt(math.pi))))


@fused
def gelu(x, *, approximate="none"):
    """x * Phi(x), with Phi the normal distribution's cumulative function.

    approximate="tanh" is GPT-2's: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    Source: Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv 1606.08415.

    >>> gelu(Tensor([-100.0, 0.0, 100.0]))
    Tensor([ -0.,   0., 100.], dtype=float32)
    """
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        return 0.5 * x * (1.0 + tanh(inner))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def _gelu_kernel(approximate):
    names = {"none": "gelu_erf", "tanh": "gelu_tanh"}
    if approximate not in names:
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return names[approximate]


@gelu.forward
def _(x, *, approximate="none"):
    return (fast(_gelu_kernel(approximate), x)(x),)


@gelu.backward
def _(g, x, approximate):
    return [kernel(_gelu_kernel(approximate) + "_backward", x)(g, x)]


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


def _along_last(run, axis, *arrays):
    """`run` on arrays with `axis` moved to the end, and its result moved back."""
    if not arrays[0].ndim:
        raise ShapeError("softmax and log_softmax need at least one axis")
    if axis in (-1, arrays[0].ndim - 1):
        return run(*arrays)
    return np.moveaxis(run(*[np.moveaxis(x, axis, -1) for x in arrays]), -1, axis)


@softmax.forward
def _(x, *, axis=-1):
    return (_along_last(fast("softmax", x), axis, x),)


@softmax.backward
def _(g, out, axis):
    return [_along_last(kernel("softmax_backward", out), axis, g, out)]


@fused
def log_softmax(x, *, axis=-1):
    """x_i - log sum_j exp(x_j)

    >>> log_softmax(Tensor([0.0, 0.0]))
    Tensor([-0.6931472, -0.6931472], dtype=float32)
    """
    return x - logsumexp(x, axis=axis, keepdims=True)


@log_softmax.forward
def _(x, *, axis=-1):
    return (_along_last(fast("log_softmax", x), axis, x),)


@log_softmax.backward
def _(g, out, axis):
    return [_along_last(kernel("log_softmax_backward", out), axis, g, out)]


@fused
def layer_norm(x, weight=None, bias=None, *, eps=1e-5):
    """(x - mean) / sqrt(variance + eps) * weight + bias, over the last axis.

    The variance is the biased one. Source: Ba, Kiros and Hinton, Layer
    Normalization, arXiv 1607.06450.

    >>> layer_norm(Tensor([1.0, 3.0]), eps=0.0)
    Tensor([-1.,  1.], dtype=float32)
    """
    centred = x - mean(x, axis=-1, keepdims=True)
    variance = mean(centred * centred, axis=-1, keepdims=True)
    out = centred * (variance + eps) ** -0.5
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


@layer_norm.forward
def _(x, weight=None, bias=None, *, eps=1e-5):
    if not x.ndim:
        raise ShapeError("layer_norm needs at least one axis")
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and p.shape != x.shape[-1:]:
            raise ShapeError(f"layer_norm: x {x.shape} with a {name} of {p.shape}")
    x, weight, bias = promoted(x, weight, bias)
    return fast("layer_norm", x)(x, weight, bias, eps)


@layer_norm.backward
def _(g, x, weight, bias, mean, rstd):
    x, weight, _ = promoted(x, weight, g)
    gx, gweight, gbias = kernel("layer_norm_backward", x)(g, x, weight, mean, rstd)
    return [gx, gweight, gbias]


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
    n = logits.shape[-1]
    outside = (targets < 0) | (targets >= n)
    if (outside & (targets != ignore_index)).any():
        bad = targets[outside & (targets != ignore_index)][0]
        raise ShapeError(f"cross_entropy: target {bad} is not among {n} classes")
    flat, flat_targets = rows(logits), targets.reshape(-1).astype(np.int64)
    losses, log_normaliser = fast("cross_entropy", flat)(
        flat, flat_targets, ignore_index, label_smoothing
    )
    return losses.reshape(targets.shape), log_normaliser


@cross_entropy.backward
def _(g, logits, targets, log_normaliser, ignore_index, label_smoothing):
    flat = rows(logits)
    gflat = kernel("cross_entropy_backward", flat)(
        np.ascontiguousarray(np.asarray(g).reshape(-1)),
        flat,
        np.asarray(targets).reshape(-1).astype(np.int64),
        log_normaliser,
        ignore_index,
        label_smoothing,
    )
    return [gflat.reshape(logits.shape), None]


@fused
def attention(q, k, v, mask=None, dropout_mask=None, *, causal=False, scale=None):
    """softmax(q @ k.T * scale + mask) @ v

    q is (..., T, D), k (..., S, D), v (..., S, E) and the result (..., T, E).
    `mask` broadcasts to (..., T, S): booleans, True where a query may look, or
    numbers that are added. `causal` lets query t see the keys up to t + S - T. A row
    that may look nowhere gives zeros. `dropout_mask` multiplies the weights. `scale`
    is 1 / sqrt(D) by default. Source: Vaswani et al., Attention Is All You Need,
    section 3.2.1, arXiv 1706.03762.

    >>> attention(Tensor([[1.0]]), Tensor([[0.0], [0.0]]), Tensor([[1.0], [3.0]]))
    Tensor([[2.]], dtype=float32)
    """
    scores = (q @ matrix_transpose(k)) * _scale(q, scale)
    if mask is not None:
        scores = where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = where(causal_mask(*scores.shape[-2:]), scores, -np.inf)
    weights = softmax(scores)
    return (weights if dropout_mask is None else weights * dropout_mask) @ v


def _scale(q, scale):
    return 1 / math.sqrt(q.shape[-1] or 1) if scale is None else scale


def causal_mask(t, s):
    """(T, S) booleans: the last query sees all keys, each earlier one one less."""
    return np.tri(t, s, s - t, dtype=bool)


@attention.forward
def _(q, k, v, mask=None, dropout_mask=None, *, causal=False, scale=None):
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
    return out.reshape(*q.shape[:-1], v.shape[-1]), log_normaliser


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
    return [None if x is None else _fold((1,) * (4 - x.ndim), x) for x in xs]


def _fold(ones, x):
    *lead, n, t, d = ones + x.shape
    return x.reshape(math.prod(lead), n, t, d)


@attention.backward
def _(g, q, k, v, mask, dropout_mask, out, log_normaliser, causal, scale):
    xs = promoted(q, k, v)
    q4, k4, v4, mask4, drop4, g4, out4 = _four_axes(*xs, mask, dropout_mask, g, out)
    gq, gk, gv = kernel("attention_backward", q4)(
        g4, q4, k4, v4, out4, log_normaliser, mask4, drop4, causal, _scale(q, scale)
    )
    return [gq.reshape(q.shape), gk.reshape(k.shape), gv.reshape(v.shape), None, None]
