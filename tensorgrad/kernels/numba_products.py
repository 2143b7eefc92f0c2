"""Compiled products: a large matrix with a few rows, as when a model writes tokens."""

import numpy as np

from .numba_jit import compiled, plain, reduction
from .numba_matmul import matmul

FEW = 4  # rows; with more of them, BLAS gains more than its packing costs


@reduction
def _one_row(x, weight, bias, out):
    for n in range(weight.shape[0]):
        total = bias[n]
        for k in range(weight.shape[1]):
            total += x[0, k] * weight[n, k]
        out[0, n] = total


@reduction
def _few_rows(x, weight, bias, out):
    last = x.shape[0] - 1
    i, j = min(1, last), min(2, last)  # with fewer than four rows, the last is repeated
    for n in range(weight.shape[0]):
        a = b = c = d = bias[n]
        for k in range(weight.shape[1]):
            w = weight[n, k]
            a += x[0, k] * w
            b += x[i, k] * w
            c += x[j, k] * w
            d += x[last, k] * w
        out[0, n], out[i, n], out[j, n], out[last, n] = a, b, c, d


@compiled
def _product(x, weight, bias, out):
    if x.shape[0] == 1:
        _one_row(x, weight, bias, out)
    else:
        _few_rows(x, weight, bias, out)


def linear(x, weight, bias):
    # The time is that of reading the weight. For so few rows BLAS packs it into other
    # memory first, or reads it at half the speed of this loop.
    if not 0 < len(x) <= FEW or not weight.flags.carray or not _alike(x, weight, bias):
        return matmul(x, weight.T, bias)
    if bias is None:
        bias = np.zeros(len(weight), x.dtype)
    out = np.empty((len(x), len(weight)), x.dtype)
    _product(plain(x), weight, plain(bias), out)
    return out


def _alike(x, weight, bias):
    return x.dtype == weight.dtype and (bias is None or bias.dtype == x.dtype)
