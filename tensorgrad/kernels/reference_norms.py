"""The normalisations in plain NumPy: what the compiled ones must equal.

Layer norm and RMS norm work along the last axis, and their statistics have shape
(..., 1). Batch norm works along all axes but axis 1, that of C channels, and its
statistics have shape (C,). The variance is the biased one.
"""

import math

import numpy as np

_quiet = np.errstate(all="ignore")


def row_mean(x):
    """The mean along the last axis, which stays."""
    # np.mean takes twice as long on a small array, and warns about an empty one
    return np.add.reduce(x, axis=-1, keepdims=True) / x.shape[-1]


@_quiet
def layer_norm(x, weight, bias, eps):
    """(x - mean) / sqrt(variance + eps) * weight + bias, and mean and 1 / root."""
    mean = np.add.reduce(x, axis=-1, keepdims=True)
    mean /= x.shape[-1]
    centred = x - mean
    rstd = 1 / np.sqrt(row_mean(centred * centred) + eps)
    centred *= rstd
    if weight is not None:
        centred *= weight
    if bias is not None:
        centred += bias
    return centred, mean, rstd


@_quiet
def layer_norm_backward(g, x, weight, mean, rstd):
    """(gx, gweight, gbias), where gweight is None if weight is."""
    xhat = (x - mean) * rstd
    rows = tuple(range(x.ndim - 1))
    gbias = np.add.reduce(g, axis=rows)
    gweight = None if weight is None else np.add.reduce(g * xhat, axis=rows)
    scaled = g if weight is None else g * weight
    gx = scaled - row_mean(scaled)
    gx -= xhat * row_mean(scaled * xhat)
    gx *= rstd
    return gx, gweight, gbias


@_quiet
def rms_norm(x, weight, eps):
    """x / sqrt(mean of x^2 + eps) * weight, and 1 / root."""
    rstd = 1 / np.sqrt(row_mean(x * x) + eps)
    out = x * rstd
    if weight is not None:
        out *= weight
    return out, rstd


@_quiet
def rms_norm_backward(g, x, weight, rstd):
    """(gx, gweight), where gweight is None if weight is."""
    xhat = x * rstd
    rows = tuple(range(x.ndim - 1))
    gweight = None if weight is None else np.add.reduce(g * xhat, axis=rows)
    gx = g.copy() if weight is None else g * weight
    gx -= xhat * row_mean(gx * xhat)
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
