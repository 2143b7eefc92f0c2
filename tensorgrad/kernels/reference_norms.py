"""The normalisations in plain NumPy: what the compiled ones must equal.

Layer norm and RMS norm work along the last axis, and their statistics have shape
(..., 1). Batch norm works along all axes but axis 1, that of C channels, and its
statistics have shape (C,). The variance is the biased one.
"""

import math

import numpy as np

from .reference_sums import ones, row_mean, sum_rows

_quiet = np.errstate(all="ignore")


@_quiet
def layer_norm(x, weight, bias, eps):
    """(x - mean) / sqrt(variance + eps) * weight + bias, and mean and 1 / root."""
    mean = row_mean(x)
    out = x - mean
    variance = np.vecdot(out, out)[..., None] / x.shape[-1]
    rstd = 1 / np.sqrt(variance + eps)
    out *= rstd
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out, mean, rstd


@_quiet
def layer_norm_backward(g, x, weight, mean, rstd):
    """(gx, gweight, gbias), where gweight is None if weight is."""
    n = x.shape[-1]
    scale = ones(n, x.dtype) if weight is None else weight
    xhat = (x - mean) * rstd
    moments = g * xhat
    gweight = None if weight is None else sum_rows(moments)
    gx = g * scale
    gx -= g.dot(scale)[..., None] / n
    xhat *= moments.dot(scale)[..., None] / n
    gx -= xhat
    gx *= rstd
    return gx, gweight, sum_rows(g)


@_quiet
def rms_norm(x, weight, eps):
    """x / sqrt(mean of x^2 + eps) * weight, and 1 / root."""
    rstd = 1 / np.sqrt(np.vecdot(x, x)[..., None] / x.shape[-1] + eps)
    out = x * rstd
    if weight is not None:
        out *= weight
    return out, rstd


@_quiet
def rms_norm_backward(g, x, weight, rstd):
    """(gx, gweight), where gweight is None if weight is."""
    n = x.shape[-1]
    scale = ones(n, x.dtype) if weight is None else weight
    xhat = x * rstd
    moments = g * xhat
    gweight = None if weight is None else sum_rows(moments)
    xhat *= moments.dot(scale)[..., None] / n
    gx = g * scale
    gx -= xhat
    gx *= rstd
    return gx, gweight


def _of_channels(x):
    """The axes that are summed over, how many elements that is, and (C, 1, ...)."""
    axes = (0, *range(2, x.ndim))
    count = max(1, math.prod([x.shape[axis] for axis in axes]))
    return axes, count, (-1, *(1,) * (x.ndim - 2))


@_quiet
def channel_moments(x):
    """The mean and variance of each channel: (B, C, ...) -> two of (C,).

    Both are 0 where there is no element.
    """
    axes, count, column = _of_channels(x)
    mean = np.add.reduce(x, axis=axes) / count
    centred = x - mean.reshape(column)
    return mean, np.add.reduce(centred * centred, axis=axes) / count


@_quiet
def batch_norm(x, weight, bias, eps):
    """(x - mean) / sqrt(variance + eps) * weight + bias, and mean and 1 / root."""
    _, _, column = _of_channels(x)
    mean, variance = channel_moments(x)
    rstd = 1 / np.sqrt(variance + eps)
    out = x - mean.reshape(column)
    out *= (rstd if weight is None else rstd * weight).reshape(column)
    if bias is not None:
        out += bias.reshape(column)
    return out, mean, rstd


@_quiet
def batch_norm_backward(g, x, weight, mean, rstd):
    """(gx, gweight, gbias), where gweight is None if weight is."""
    axes, count, column = _of_channels(x)
    xhat = (x - mean.reshape(column)) * rstd.reshape(column)
    gbias = np.add.reduce(g, axis=axes)
    gscale = np.add.reduce(g * xhat, axis=axes)
    gx = g - (gbias / count).reshape(column)
    gx -= xhat * (gscale / count).reshape(column)
    gx *= (rstd if weight is None else rstd * weight).reshape(column)
    return gx, None if weight is None else gscale, gbias
