"""Windows that slide over images, in plain NumPy: convolution, pooling, fold.

Strides and dilations are pairs, for height and width; a frame ((top, bottom), (left,
right)) is how many elements go around each image.
"""

import math

import numpy as np


def places(x, kernel, counts, stride, dilation):
    """(i, j, view): for each place in a window, the elements of x (..., H, W) there.

    The four settings are pairs, for height and width; `counts` is how many windows
    there are.
    """
    down, right = [
        [slice(i * d, i * d + s * (n - 1) + 1, s) for i in range(k)]
        for k, n, s, d in zip(kernel, counts, stride, dilation, strict=True)
    ]
    for i, rows in enumerate(down):
        for j, columns in enumerate(right):
            yield i, j, x[..., rows, columns]


@np.errstate(all="ignore")
def fold(out, x, stride, dilation):
    """out[..., h s + i d, w s + j d] += x[..., i, j, h, w], in place.

    out (..., H, W) and x (..., KH, KW, OH, OW), which must fit; s is the stride and d
    the dilation, a pair each.
    """
    sizes = x.shape[-4:-2], x.shape[-2:]
    for i, j, place in places(out, *sizes, stride, dilation):
        place += x[..., i, j, :, :]


def framed(x, frame, value=0):
    """x (..., H, W) with a frame of that value around it."""
    (top, bottom), (left, right) = frame
    if not (top or bottom or left or right):
        return x
    *lead, H, W = x.shape
    out = np.empty((*lead, top + H + bottom, left + W + right), x.dtype)
    out.fill(value)
    out[..., top : top + H, left : left + W] = x
    return out


def unframed(x, frame):
    """What is inside the frame."""
    (top, bottom), (left, right) = frame
    H, W = x.shape[-2:]
    return x[..., top : H - bottom, left : W - right]


def _columns(x, weight, counts, stride, dilation, frame, groups):
    """(B, groups, K, OH OW): in column (h, w), what the window there sees."""
    x = np.ascontiguousarray(framed(x, frame))
    B, C, *_ = x.shape
    KH, KW = weight.shape[2:]
    *lead, below, beside = x.strides
    strides = (below * dilation[0], beside * dilation[1])
    strides += (below * stride[0], beside * stride[1])
    seen = np.ndarray((B, C, KH, KW, *counts), x.dtype, x, 0, (*lead, *strides))
    return seen.reshape(B, groups, C // groups * KH * KW, math.prod(counts))


@np.errstate(all="ignore")
def conv2d(out, x, weight, bias, stride, dilation, frame, groups):
    """out[n, o, h, w] = bias[o] + sum_cij weight[o, c, i, j] x[n, c, h s + i d, ...].

    x (B, C, H, W), weight (O, C / groups, KH, KW), bias (O,) or None; what is in out
    (B, O, OH, OW) is overwritten.
    """
    B, channels, *counts = out.shape
    rows = channels // groups
    columns = _columns(x, weight, counts, stride, dilation, frame, groups)
    flat = weight.reshape(groups, rows, columns.shape[2])
    product = out.reshape(B, groups, rows, columns.shape[3])
    np.matmul(flat, columns, out=product)
    if bias is not None:
        product += bias.reshape(groups, rows, 1)


@np.errstate(all="ignore")
def conv2d_backward(g, x, weight, stride, dilation, frame, groups, needed):
    """The gradients of x, weight and bias, each None unless needed."""
    (B, channels, *counts), gx, gweight = g.shape, None, None
    rows, K, P = channels // groups, math.prod(weight.shape[1:]), math.prod(counts)
    flat = weight.reshape(groups, rows, K)
    g = g.reshape(B, groups, rows, P)
    if needed[0]:
        gx = framed(np.zeros(x.shape, x.dtype), frame)
        parts = np.matmul(flat.mT, g).reshape(*x.shape[:2], *weight.shape[2:], *counts)
        fold(gx, parts, stride, dilation)
        gx = unframed(gx, frame)
    if needed[1]:
        columns = _columns(x, weight, counts, stride, dilation, frame, groups)
        gweight = np.add.reduce(np.matmul(g, columns.mT), axis=0).reshape(weight.shape)
    return gx, gweight, channel_sum(g.reshape(B, channels, P)) if needed[2] else None


def channel_sum(g):
    """The sum over all axes but axis 1, (B, O, ...) -> (O,): the gradient of a bias."""
    rows = g.reshape(*g.shape[:2], math.prod(g.shape[2:]))
    # BLAS reads each row once, in vectors: three times as fast as add.reduce
    return np.add.reduce(rows @ np.ones(rows.shape[2], g.dtype), axis=0)


@np.errstate(all="ignore")
def max_pool2d_backward(g, x, out, window, stride, frame):
    """g divided evenly among the elements of each window that equal the largest.

    x (..., H, W); g and out, the largest elements, (..., OH, OW).
    """
    ties, number = tied(x, out, window, stride, frame)
    share = (g / number)[..., None, None, :, :]
    gx = framed(np.zeros(x.shape, x.dtype), frame)
    fold(gx, np.where(ties, share, x.dtype.type(0)), stride, (1, 1))
    return unframed(gx, frame)


def tied(x, out, window, stride, frame):
    """Which elements of each window equal its largest, and how many, at least 1.

    (..., KH, KW, OH, OW) and (..., OH, OW). None ties with a largest that is NaN.
    """
    *lead, OH, OW = out.shape
    seen, ones = framed(x, frame, np.nan), (1, 1)  # NaN equals nothing
    ties = np.empty((*lead, *window, OH, OW), bool)
    for i, j, place in places(seen, window, (OH, OW), stride, ones):
        np.equal(place, out, out=ties[..., i, j, :, :])
    number = np.add.reduce(ties, axis=(-4, -3), dtype=x.dtype)
    return ties, np.maximum(number, 1)
