"""The kernels in plain NumPy: what the compiled ones must equal.

Arrays in, new arrays out, in the dtype that came. The last axis holds features or
classes. None of them warns: NaN and infinity mean what they mean in the formula.
"""

import math

import numpy as np

from .reference_attention import attention, attention_backward
from .reference_erf import erf
from .reference_norms import (
    batch_norm,
    batch_norm_backward,
    channel_moments,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from .reference_random import dropout_mask
from .reference_scan import cumsum
from .reference_sums import ones, row_mean, row_sum, sum_rows
from .reference_windows import (
    conv2d,
    conv2d_backward,
    fold,
    max_pool2d_backward,
)

__all__ = [
    "attention",
    "attention_backward",
    "batch_norm",
    "batch_norm_backward",
    "channel_moments",
    "conv2d",
    "conv2d_backward",
    "cumsum",
    "dropout_mask",
    "erf",
    "fold",
    "layer_norm",
    "layer_norm_backward",
    "max_pool2d_backward",
    "rms_norm",
    "rms_norm_backward",
    "sum_rows",
]

_ROOT = math.sqrt(2 / math.pi)
_CUBE = 0.044715
_quiet = np.errstate(all="ignore")


def relu(x):
    """max(x, 0)"""
    return np.asarray(np.maximum(x, 0))


@_quiet
def sigmoid(x):
    """1 / (1 + e^-x), which is 0 where e^-x overflows."""
    if x.dtype.char not in "fdg":
        # at float16 e^12 is infinity, but 1 / e^12 is not 0; -x wraps around at uint8
        wide = sigmoid(x.astype(np.result_type(x, np.float32)))
        return wide.astype(np.result_type(x, np.float16))
    return np.asarray(1 / (1 + np.exp(-x)))


@_quiet
def gelu_tanh(x):
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2."""
    return np.asarray(0.5 * x * (1 + np.tanh(_ROOT * (x + _CUBE * (x * x * x)))))


@_quiet
def gelu_tanh_backward(g, x):
    tanh = np.tanh(_ROOT * (x + _CUBE * (x * x * x)))
    slope = _ROOT * (1 + 3 * _CUBE * (x * x))
    return np.asarray(g * (0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * slope))


@_quiet
def gelu_erf(x):
    """x (1 + erf(x / sqrt(2))) / 2."""
    return np.asarray(0.5 * x * (1 + erf(x * math.sqrt(0.5))))


@_quiet
def gelu_erf_backward(g, x):
    density = np.exp(-0.5 * (x * x)) / math.sqrt(2 * math.pi)
    return np.asarray(g * (0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density))


def _max(x):
    return np.maximum.reduce(x, axis=-1, keepdims=True, initial=-np.inf)


@_quiet
def softmax(x):
    """exp(x_i) / sum_j exp(x_j); a row of -inf alone gives zeros, not NaN."""
    # lowest and one: no-ops, except in a row of -inf, where 0 / 1 replaces NaN
    lowest = np.finfo(x.dtype).min
    out = x - np.maximum.reduce(x, axis=-1, keepdims=True, initial=lowest)
    np.exp(out, out=out)
    out /= np.maximum(row_sum(out), ones(1, x.dtype))
    return out


@_quiet
def softmax_backward(g, out):
    return out * (g - np.vecdot(g, out)[..., None])


@_quiet
def log_softmax(x):
    """x_i - log sum_j exp(x_j)."""
    out = x - _max(x)
    out -= np.log(row_sum(np.exp(out)))
    return out


@_quiet
def log_softmax_backward(g, out):
    return g - np.exp(out) * row_sum(g)


def target_error(targets, row, classes):
    return IndexError(
        f"cross_entropy: target {targets[row]} in row {row} is none of the "
        f"{classes} classes. Is the vocabulary larger than the last axis of logits?"
    )


@_quiet
def cross_entropy(logits, targets, ignore_index, label_smoothing):
    """(1 - s) (z - x_target) + s (z - mean(x)), and z = log sum_j exp(x_j), per row.

    logits (N, V), targets (N,); both results (N,), and zero where the target is
    ignore_index. s is label_smoothing. IndexError for a target that is no class.
    """
    classes = logits.shape[-1]
    ignored = targets == ignore_index
    # as unsigned, a negative number is a huge one
    bad = (targets.view(np.uint64) >= classes) & ~ignored
    if bad.any():
        raise target_error(targets, int(bad.argmax()), classes)
    if not logits.size:
        zeros = np.zeros((2, len(targets)), logits.dtype)
        return zeros[0], zeros[1]
    highest = _max(logits)
    log_sum = np.log(row_sum(np.exp(logits - highest)))[:, 0]
    highest = highest[:, 0]
    chosen = logits[np.arange(len(targets)), np.where(ignored, 0, targets)]
    losses = highest - chosen + log_sum
    normaliser = highest + log_sum
    if label_smoothing:  # 0 * inf would be NaN
        label_smoothing = float(label_smoothing)
        losses *= 1 - label_smoothing
        losses += label_smoothing * (highest - row_mean(logits)[:, 0] + log_sum)
    losses[ignored] = 0
    normaliser[ignored] = 0
    return losses, normaliser


@_quiet
def cross_entropy_backward(
    g, logits, targets, log_normaliser, ignore_index, label_smoothing
):
    out = np.exp(logits - log_normaliser[:, None])
    if not out.size:
        return out
    ignored = targets == ignore_index
    if label_smoothing:
        out -= float(label_smoothing) / logits.shape[-1]
    places = np.where(ignored, 0, targets)
    out[np.arange(len(targets)), places] -= 1 - float(label_smoothing)
    out *= g[:, None]
    out[ignored] = 0
    return out


def index_error(indices, position, count):
    return IndexError(
        f"scatter_add_rows: index {indices[position]} at {position} is outside the "
        f"{count} rows. Is the table as large as the vocabulary?"
    )


@_quiet
def scatter_add_rows(out, indices, g):
    """out[indices[n]] += g[n] for n = 0, 1, ..., in place, repeats summed.

    out (V, C), indices (N,), g (N, C). Negative indices count from the end;
    IndexError for one outside, and then nothing is written.
    """
    bad = (indices < -len(out)) | (indices >= len(out))
    if bad.any():
        raise index_error(indices, int(bad.argmax()), len(out))
    np.add.at(out, indices, g)


@_quiet
def adamw(param, grad, m, v, lr, beta1, beta2, eps, weight_decay, step, grad_scale=1.0):
    """One step of AdamW in place, on param, m and v; the gradient is grad * grad_scale.

    p (1 - lr decay) - lr (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps):
    Loshchilov and Hutter 2019, in the order of operations that PyTorch has.
    """
    g = grad * float(grad_scale)
    m += float(1 - beta1) * (g - m)
    v *= float(beta2)
    v += float(1 - beta2) * g * g
    change = np.sqrt(v)
    change /= math.sqrt(1 - beta2**step)
    change += float(eps)
    change = m / change
    change *= float(lr / (1 - beta1**step))
    param *= float(1 - lr * weight_decay)
    param -= change


def where(condition, x, y):
    """x where the condition holds, else y, with NumPy's broadcasting."""
    return np.where(condition, x, y)


def hypot(x, y):
    """sqrt(x^2 + y^2), without overflow."""
    return np.asarray(np.hypot(x, y))


def linear(x, weight, bias):
    """x @ weight.T + bias, or without bias: (N, K), (M, K) and (M,) -> (N, M)."""
    out = x @ weight.T
    return out if bias is None else add_bias(out, bias)


def add_bias(out, bias):
    """out + bias, in place if the dtype allows it."""
    return np.add(out, bias, out if bias.dtype == out.dtype else None)


def matmul(x, y):
    """x @ y."""
    return np.matmul(x, y)
