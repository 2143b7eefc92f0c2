"""Compiled normalisations: over the rows of an array, and over its channels."""

import math

import numpy as np

from . import reference_norms
from .numba_jit import compiled, plain, reduction, rows
from .numba_rows import row_dot, row_sum


@reduction
def square_sum(x, i, mean):
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        centred = x[i, j] - mean
        total += centred * centred
    return total


@compiled
def _layer_norm(x, weight, bias, eps, out, means, rstds):
    t = x.dtype.type
    count, eps, one = t(x.shape[1]), t(eps), t(1)
    for i in range(x.shape[0]):
        mean = row_sum(x, i) / count
        rstd = one / np.sqrt(square_sum(x, i, mean) / count + eps)
        means[i], rstds[i] = mean, rstd
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - mean) * rstd * weight[j] + bias[j]


def layer_norm(x, weight, bias, eps):
    out, channels = np.empty(x.shape, x.dtype), x.shape[-1]
    mean, rstd = (np.empty((*x.shape[:-1], 1), x.dtype) for _ in range(2))
    weight, bias = _filled(weight, 1, channels, x), _filled(bias, 0, channels, x)
    flat = rows(out), mean.reshape(-1), rstd.reshape(-1)
    _layer_norm(rows(x), weight, bias, float(eps), *flat)
    return out, mean, rstd


@reduction
def _norm_sums(g, x, i, weight, mean, rstd, gweight, gbias):
    """Add the row to both parameters' gradients; the means of gw and gw * xhat."""
    total = moment = x.dtype.type(0)
    for j in range(x.shape[1]):
        xhat = (x[i, j] - mean) * rstd
        gweight[j] += g[i, j] * xhat
        gbias[j] += g[i, j]
        scaled = g[i, j] * weight[j]
        total += scaled
        moment += scaled * xhat
    return total, moment


@compiled
def _layer_norm_backward(g, x, weight, means, rstds, gx, gweight, gbias):
    count = x.dtype.type(x.shape[1])
    for i in range(x.shape[0]):
        mean, rstd = means[i], rstds[i]
        total, moment = _norm_sums(g, x, i, weight, mean, rstd, gweight, gbias)
        total, moment = total / count, moment / count
        for j in range(x.shape[1]):
            xhat = (x[i, j] - mean) * rstd
            gx[i, j] = rstd * (g[i, j] * weight[j] - total - xhat * moment)


def layer_norm_backward(g, x, weight, mean, rstd):
    gx, channels = np.empty(x.shape, x.dtype), x.shape[-1]
    scale = _filled(weight, 1, channels, x)
    gweight, gbias = np.zeros(channels, x.dtype), np.zeros(channels, x.dtype)
    statistics = plain(mean).reshape(-1), plain(rstd).reshape(-1)
    _layer_norm_backward(rows(g), rows(x), scale, *statistics, rows(gx), gweight, gbias)
    return gx, None if weight is None else gweight, gbias


def _filled(parameter, value, channels, x):
    """A parameter for each channel, or where there is none, a constant."""
    if parameter is None:
        return np.full(channels, value, x.dtype)
    return plain(parameter)


@compiled
def _rms_norm(x, weight, eps, out, rstds):
    t = x.dtype.type
    count, eps, one = t(x.shape[1]), t(eps), t(1)
    for i in range(x.shape[0]):
        rstds[i] = rstd = one / np.sqrt(row_dot(x, x, i) / count + eps)
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] * rstd * weight[j]


def rms_norm(x, weight, eps):
    out, rstd = np.empty(x.shape, x.dtype), np.empty((*x.shape[:-1], 1), x.dtype)
    weight = _filled(weight, 1, x.shape[-1], x)
    _rms_norm(rows(x), weight, float(eps), rows(out), rstd.reshape(-1))
    return out, rstd


@reduction
def _rms_sum(g, x, i, weight, rstd, gweight):
    """Add the row to the weight's gradient; the sum of gw * xhat."""
    moment = x.dtype.type(0)
    for j in range(x.shape[1]):
        part = g[i, j] * (x[i, j] * rstd)
        gweight[j] += part
        moment += part * weight[j]
    return moment


@compiled
def _rms_norm_backward(g, x, weight, rstds, gx, gweight):
    count = x.dtype.type(x.shape[1])
    for i in range(x.shape[0]):
        rstd = rstds[i]
        moment = _rms_sum(g, x, i, weight, rstd, gweight) / count
        for j in range(x.shape[1]):
            gx[i, j] = rstd * (g[i, j] * weight[j] - x[i, j] * rstd * moment)


def rms_norm_backward(g, x, weight, rstd):
    gx, gweight = np.empty(x.shape, x.dtype), np.zeros(x.shape[-1], x.dtype)
    scale, rstd = _filled(weight, 1, x.shape[-1], x), plain(rstd).reshape(-1)
    _rms_norm_backward(rows(g), rows(x), scale, rstd, rows(gx), gweight)
    return gx, None if weight is None else gweight


# --- batch norm: rows (B C, the rest), of which row i belongs to channel i % C


def _by_channel(x):
    shape = x.shape
    return plain(x).reshape(shape[0] * shape[1], math.prod(shape[2:]))


@compiled
def _channel_moments(x, means, variances):
    channels = len(means)
    count = x.dtype.type(max(1, x.size // max(1, channels)))
    for i in range(x.shape[0]):
        means[i % channels] += row_sum(x, i)
    means /= count
    for i in range(x.shape[0]):
        variances[i % channels] += square_sum(x, i, means[i % channels])
    variances /= count


def channel_moments(x):
    if x.ndim == 2:  # rows of one element
        return reference_norms.channel_moments(x)
    mean, variance = np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    _channel_moments(_by_channel(x), mean, variance)
    return mean, variance


@compiled
def _batch_norm(x, means, scales, biases, out):
    channels = len(means)
    for i in range(x.shape[0]):
        mean, scale = means[i % channels], scales[i % channels]
        bias = biases[i % channels]
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - mean) * scale + bias


@np.errstate(all="ignore")
def batch_norm(x, weight, bias, eps):
    if x.ndim == 2:
        return reference_norms.batch_norm(x, weight, bias, eps)
    out, (mean, variance) = np.empty(x.shape, x.dtype), channel_moments(x)
    rstd = 1 / np.sqrt(variance + float(eps))
    scale = rstd if weight is None else rstd * weight
    bias = _filled(bias, 0, x.shape[1], x)
    _batch_norm(_by_channel(x), mean, scale, bias, _by_channel(out))
    return out, mean, rstd


@reduction
def _channel_sums(g, x, i, mean, rstd):
    """The sums of g and of g * xhat along a row."""
    total = moment = x.dtype.type(0)
    for j in range(x.shape[1]):
        total += g[i, j]
        moment += g[i, j] * ((x[i, j] - mean) * rstd)
    return total, moment


@compiled
def _batch_norm_backward(g, x, means, rstds, scales, gx, gscale, gbias):
    channels = len(means)
    count = x.dtype.type(max(1, x.size // max(1, channels)))
    for i in range(x.shape[0]):
        c = i % channels
        total, moment = _channel_sums(g, x, i, means[c], rstds[c])
        gbias[c] += total
        gscale[c] += moment
    for i in range(x.shape[0]):
        c = i % channels
        mean, rstd, scale = means[c], rstds[c], scales[c]
        total, moment = gbias[c] / count, gscale[c] / count
        for j in range(x.shape[1]):
            xhat = (x[i, j] - mean) * rstd
            gx[i, j] = (g[i, j] - total - xhat * moment) * scale


@np.errstate(all="ignore")
def batch_norm_backward(g, x, weight, mean, rstd):
    if x.ndim == 2:
        return reference_norms.batch_norm_backward(g, x, weight, mean, rstd)
    gx, channels = np.empty(x.shape, x.dtype), x.shape[1]
    gscale, gbias = np.zeros(channels, x.dtype), np.zeros(channels, x.dtype)
    scale = rstd if weight is None else rstd * weight
    statistics = plain(mean), plain(rstd), plain(scale)
    flat = _by_channel(g), _by_channel(x), *statistics, _by_channel(gx)
    _batch_norm_backward(*flat, gscale, gbias)
    return gx, None if weight is None else gscale, gbias
