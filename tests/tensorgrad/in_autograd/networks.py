"""What neural networks are made of, spelt out in HIPS/autograd."""

from typing import Any

import autograd.numpy as anp
import numpy as np

from tensorgrad.testing.domains.dot_product_attention import in_heads

from .reduce import log_softmax
from .shape import pad


def cross_entropy(
    logits: Any, targets: Any, ignore_index: int, label_smoothing: float
) -> Any:
    classes = logits.shape[-1]
    counted = targets != ignore_index
    wanted = np.eye(classes)[np.where(counted, targets, 0)]
    wanted = (1 - label_smoothing) * wanted + label_smoothing / classes
    return -anp.sum(wanted * log_softmax(logits, -1), -1) * counted


@in_heads
def attention(
    q: Any, k: Any, v: Any, mask: Any, dropout_mask: Any, causal: bool, scale: Any
) -> Any:
    t, s = q.shape[-2], k.shape[-2]
    scale = scale or max(q.shape[-1], 1) ** -0.5
    scores = scale * anp.matmul(q, anp.swapaxes(k, -1, -2))
    allowed = np.tri(t, s, s - t) if causal else np.ones((t, s))
    if mask is not None and mask.dtype == bool:
        allowed = allowed * mask
    elif mask is not None:
        scores = scores + mask
    weights = anp.exp(scores) * allowed
    nowhere = allowed.sum(-1, keepdims=True) == 0
    weights = weights / (anp.sum(weights, -1, keepdims=True) + nowhere)
    return anp.matmul(scaled(weights, dropout_mask), v)


def normed(x: Any, axes: Any, eps: float) -> Any:
    centred = x - anp.mean(x, axes, keepdims=True)
    return centred / anp.sqrt(anp.var(x, axes, keepdims=True) + eps)


def scaled(x: Any, weight: Any, bias: Any = None) -> Any:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    return scaled(normed(x, -1, eps), weight, bias)


def rms_norm(x: Any, weight: Any, eps: float) -> Any:
    return scaled(x / anp.sqrt(anp.mean(x * x, -1, keepdims=True) + eps), weight)


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    out = normed(anp.moveaxis(x, 1, -1), tuple(range(x.ndim - 1)), eps)
    return anp.moveaxis(scaled(out, weight, bias), -1, 1)


def two(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def steps(sizes: Any, kernel_size: Any, stride: Any, dilation: Any) -> Any:
    """For each axis, where in it each element (row) of each window (column) is."""
    parts = zip(sizes, two(kernel_size), two(stride), two(dilation), strict=True)
    return [
        np.arange(0, n - d * (k - 1), s) + d * np.arange(k)[:, None]
        for n, k, s, d in parts
    ]


def unfold(x: Any, kernel_size: Any, stride: Any, dilation: Any = 1) -> Any:
    rows, columns = steps(x.shape[-2:], kernel_size, stride, dilation)
    return x[..., rows[:, None, :, None], columns[:, None]]


def fold(x: Any, output_size: Any, stride: Any, dilation: Any) -> Any:
    rows, columns = steps(output_size, x.shape[-4:-2], stride, dilation)
    down, across = np.eye(output_size[0])[rows], np.eye(output_size[1])[columns]
    return anp.einsum("...ijhw,ihy,jwx->...yx", x, down, across)


def framed(x: Any, sides: Any, value: float = 0.0) -> Any:
    return pad(x, [(0, 0)] * (x.ndim - 2) + [*sides], value)


def max_pool2d(x: Any, kernel_size: Any, stride: Any, padding: Any) -> Any:
    x = framed(x, [(n, n) for n in two(padding)], -np.inf)
    return anp.max(unfold(x, kernel_size, stride or kernel_size), axis=(-4, -3))


def avg_pool2d(x: Any, kernel_size: Any, stride: Any, padding: Any) -> Any:
    x = framed(x, [(n, n) for n in two(padding)])
    return anp.mean(unfold(x, kernel_size, stride or kernel_size), axis=(-4, -3))


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    channels, part, kh, kw = weight.shape
    sides = [(n, n) for n in two(0 if isinstance(padding, str) else padding)]
    if padding == "same":
        spans = [d * (k - 1) for d, k in zip(two(dilation), (kh, kw), strict=True)]
        sides = [(n // 2, n - n // 2) for n in spans]
    x = unfold(framed(x, sides), (kh, kw), stride, dilation)  # (..., C, KH, KW, OH, OW)
    x = anp.reshape(x, (*x.shape[:-5], groups, part, *x.shape[-4:]))
    weight = anp.reshape(weight, (groups, channels // groups, part, kh, kw))
    out = anp.einsum("...gcijhw,gocij->...gohw", x, weight)
    out = anp.reshape(out, (*out.shape[:-4], channels, *out.shape[-2:]))
    return out if bias is None else out + bias[:, None, None]


NETWORKS = {
    "attention": attention,
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "conv2d": conv2d,
    "cross_entropy": cross_entropy,
    "fold": fold,
    "layer_norm": layer_norm,
    "max_pool2d": max_pool2d,
    "rms_norm": rms_norm,
    "unfold": unfold,
}
