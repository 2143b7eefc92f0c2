"""Compiled kernels over the rows of an array: the softmaxes."""

import numpy as np

from .numba_jit import compiled, exp, order, reduction, rows, unorder


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
