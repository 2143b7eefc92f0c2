"""What neural networks are made of, in MyGrad."""

import math
from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet import activations, layers, losses

from .shape import pad, split


def normed(x: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    out = x / mg.sqrt(variance + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    variance = mg.var(x, axis=-1, keepdims=True)
    return normed(x - mg.mean(x, axis=-1, keepdims=True), variance, weight, bias, eps)


def rms_norm(x: Any, weight: Any, eps: float) -> Any:
    return normed(x, mg.mean(x * x, axis=-1, keepdims=True), weight, None, eps)


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    return layers.batchnorm(x, gamma=weight, beta=bias, eps=eps)


# differs: the mean over the rows of a matrix.
def cross_entropy(
    logits: Any, targets: Any, ignore_index: int, label_smoothing: float
) -> Any:
    rows, found = mg.reshape(logits, (targets.size, 1, -1)), []
    for row, target in zip(rows, targets.ravel(), strict=True):
        loss = 0 * mg.sum(row)
        if target != ignore_index:
            loss = (1 - label_smoothing) * losses.softmax_crossentropy(row, [target])
            loss -= label_smoothing * mg.mean(activations.logsoftmax(row))
        found.append(loss)
    return mg.reshape(mg.stack(found), targets.shape)


def two(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


# differs: the windows of its layers have to reach the edge.
def trimmed(x: Any, sides: Any, spans: Any, stride: Any, value: float = 0.0) -> Any:
    """x as one stack of padded images, without what no window sees."""
    x = mg.reshape(x, (math.prod(x.shape[:-3]), *x.shape[-3:]))
    x = pad(x, [(0, 0), (0, 0), *sides], value)
    sizes = zip(x.shape[-2:], spans, two(stride), strict=True)
    height, width = [n - (n - span - 1) % step for n, span, step in sizes]
    return x[..., :height, :width]


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    # differs: where dilated, it takes a window for longer than it is, and refuses it
    sizes = list(zip(two(dilation), weight.shape[2:], strict=True))
    spread = [np.eye(d * (k - 1) + 1)[::d] for d, k in sizes]
    weight = mg.einsum("ocij,iy,jx->ocyx", weight, *spread)
    spans, lead = [n - 1 for n in weight.shape[2:]], x.shape[:-3]
    sides = [(n, n) for n in two(0 if isinstance(padding, str) else padding)]
    sides = [(n // 2, n - n // 2) for n in spans] if padding == "same" else sides
    parts = split(trimmed(x, sides, spans, stride), groups, 1)
    pairs = zip(parts, split(weight, groups, 0), strict=True)
    out = mg.concatenate([layers.conv_nd(*pair, stride=stride) for pair in pairs], 1)
    out = mg.reshape(out, (*lead, *out.shape[1:]))
    return out if bias is None else out + mg.reshape(bias, (-1, 1, 1))


def unfold(x: Any, kernel_size: Any, stride: Any, dilation: Any) -> Any:
    window = two(kernel_size)
    n = math.prod(window)
    kernels = np.eye(n).reshape(n, 1, *window)  # each picks one element
    out = conv2d(x[..., None, :, :], kernels, None, stride, 0, dilation, 1)
    return mg.reshape(out, (*x.shape[:-2], *window, *out.shape[-2:]))


def avg_pool2d(x: Any, kernel_size: Any, stride: Any, padding: Any) -> Any:
    window = two(kernel_size)
    kernel = np.full((1, 1, *window), 1 / math.prod(window))
    x = x[..., None, :, :]
    return conv2d(x, kernel, None, stride or window, padding, 1, 1)[..., 0, :, :]


def max_pool2d(x: Any, kernel_size: Any, stride: Any, padding: Any) -> Any:
    window, lead, stride = two(kernel_size), x.shape[:-2], two(stride or kernel_size)
    spans, sides = [k - 1 for k in window], [(n, n) for n in two(padding)]
    x = trimmed(x[..., None, :, :], sides, spans, stride, -np.inf)
    out = layers.max_pool(x, window, stride)
    return mg.reshape(out, (*lead, *out.shape[-2:]))


NETWORKS = {
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "conv2d": conv2d,
    "cross_entropy": cross_entropy,
    "layer_norm": layer_norm,
    "max_pool2d": max_pool2d,
    "rms_norm": rms_norm,
    "unfold": unfold,
}
