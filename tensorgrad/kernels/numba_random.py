"""Compiled random numbers: masks of dropout."""

import numpy as np

from .numba_jit import compiled, helper
from .reference_random import FIRST, GAMMA, SECOND, threshold

_GAMMA, _FIRST, _SECOND = np.uint64(GAMMA), np.uint64(FIRST), np.uint64(SECOND)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_LOW, _ONE = np.uint64((1 << 32) - 1), np.uint64(1)


@helper
def _random_word(seed, place):
    x = seed + (place + _ONE) * _GAMMA
    x = (x ^ (x >> _30)) * _FIRST
    x = (x ^ (x >> _27)) * _SECOND
    return x ^ (x >> _31)


@compiled
def _dropout_mask(mask, limit, value, seed, row):
    rows, n = mask.shape
    words, zero = (n + 1) // 2, mask.dtype.type(0)
    for i in range(rows):
        start = (row + np.uint64(i)) * np.uint64(words)
        for j in range(n // 2):
            word = _random_word(seed, start + np.uint64(j))
            mask[i, 2 * j] = value if word & _LOW >= limit else zero
            mask[i, 2 * j + 1] = value if word >> _32 >= limit else zero
        if n % 2:
            word = _random_word(seed, start + np.uint64(words - 1))
            mask[i, n - 1] = value if word & _LOW >= limit else zero


def dropout_mask(mask, p, seed, row):
    limit, value = threshold(p)
    words = np.uint64(limit), mask.dtype.type(value), np.uint64(seed), np.uint64(row)
    _dropout_mask(mask, *words)
