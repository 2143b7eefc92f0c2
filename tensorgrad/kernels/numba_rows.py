"""Compiled kernels over the rows of an array: layer norm and the softmaxes."""

import numpy as np

from .numba_jit import compiled, exp, order, plain, reduction, rows, unorder


@reduction
def row_max(x, i):
    highest = order(x[i, 0])
    for j in range(1, x.shape[1]):
        key = order(x[i, j])
        highest = key if key > highest else highest
    return unorder(highest)


@reduction
def row_sum(x, i):
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        total += x[i, j]
    return total


@reduction
def row_dot(x, y, i):
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        total += x[i, j] * y[i, j]
    return total


@reduction
def exp_sum(x, i, highest):
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        total += exp(x[i, j] - highest)
    return total


@reduction
def exp_row(x, i, highest, out):
    """Write exp(x - highest) into the row of out, and return its sum."""
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        e = exp(x[i, j] - highest)
        out[i, j] = e
        total += e
    return total


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
    weight = np.ones(channels, x.dtype) if weight is None else plain(weight)
    bias = np.zeros(channels, x.dtype) if bias is None else plain(bias)
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
    scale = np.ones(channels, x.dtype) if weight is None else plain(weight)
    gweight, gbias = np.zeros(channels, x.dtype), np.zeros(channels, x.dtype)
    statistics = plain(mean).reshape(-1), plain(rstd).reshape(-1)
    _layer_norm_backward(rows(g), rows(x), scale, *statistics, rows(gx), gweight, gbias)
    return gx, None if weight is None else gweight, gbias


@compiled
def _softmax(x, out):
    t = x.dtype.type
    zero, one, lowest = t(0), t(1), t(-np.inf)
    for i in range(x.shape[0]):
        highest = row_max(x, i)
        # the sum too, since a NaN with a sign bit sorts below -inf
        if highest == lowest and row_sum(x, i) == lowest:
            out[i, :] = zero
            continue
        part = one / exp_row(x, i, highest, out)
        for j in range(x.shape[1]):
            out[i, j] *= part


@compiled
def _softmax_backward(g, out, gx):
    for i in range(g.shape[0]):
        mean = row_dot(g, out, i)
        for j in range(g.shape[1]):
            gx[i, j] = out[i, j] * (g[i, j] - mean)


@compiled
def _log_softmax(x, out):
    for i in range(x.shape[0]):
        highest = row_max(x, i)
        log_sum = np.log(exp_sum(x, i, highest))
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] - highest - log_sum


@compiled
def _log_softmax_backward(g, out, gx):
    for i in range(g.shape[0]):
        total = row_sum(g, i)
        for j in range(g.shape[1]):
            gx[i, j] = g[i, j] - exp(out[i, j]) * total


def _map_rows(loop, *inputs):
    first = inputs[0]
    out = np.empty(first.shape, first.dtype)
    if first.size:
        loop(*map(rows, inputs), rows(out))
    return out


def softmax(x):
    return _map_rows(_softmax, x)


def softmax_backward(g, out):
    return _map_rows(_softmax_backward, g, out)


def log_softmax(x):
    return _map_rows(_log_softmax, x)


def log_softmax_backward(g, out):
    return _map_rows(_log_softmax_backward, g, out)
