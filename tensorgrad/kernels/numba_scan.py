"""Compiled running sums.

Each sum waits for the one before it, so several run side by side: all columns of a
row, or, along the last axis, four rows.
"""

import math

import numpy as np

from .numba_jit import compiled, plain


@compiled
def _columns(x, out, reverse):
    """Along the middle axis of three."""
    n = x.shape[1]
    for i in range(x.shape[0]):
        for j in range(n):
            here = n - 1 - j if reverse else j
            before = here + 1 if reverse else here - 1
            for k in range(x.shape[2]):
                if j == 0:
                    out[i, here, k] = x[i, here, k]
                else:
                    out[i, here, k] = out[i, before, k] + x[i, here, k]


@compiled
def _rows(x, out, reverse):
    """Along the last axis of two."""
    count, n = x.shape
    for i in range(0, count, 4):
        # the last rows are done twice where four do not fit
        p, q, r = min(i + 1, count - 1), min(i + 2, count - 1), min(i + 3, count - 1)
        start = n - 1 if reverse else 0
        step = -1 if reverse else 1
        a, b, c, d = x[i, start], x[p, start], x[q, start], x[r, start]
        out[i, start], out[p, start], out[q, start], out[r, start] = a, b, c, d
        for j in range(1, n):
            here = start + step * j
            a += x[i, here]
            b += x[p, here]
            c += x[q, here]
            d += x[r, here]
            out[i, here], out[p, here], out[q, here], out[r, here] = a, b, c, d


def cumsum(x, axis, reverse):
    out, axis = np.empty(x.shape, x.dtype), axis % x.ndim
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    if not x.size:
        return out
    if inner == 1:
        shape = outer, x.shape[axis]
        _rows(plain(x).reshape(shape), out.reshape(shape), bool(reverse))
    else:
        shape = outer, x.shape[axis], inner
        _columns(plain(x).reshape(shape), out.reshape(shape), bool(reverse))
    return out
