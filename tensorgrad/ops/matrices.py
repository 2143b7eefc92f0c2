"""Sums of products of two arrays as products of matrices, which BLAS is quick at."""

import functools
import math

import numpy as np


def as_matrices(x, y, subscripts):
    """einsum of x and y by one matmul, or None where it takes more than that."""
    axes = _axes(subscripts)
    if axes is None or x.dtype.char not in "fd" or y.dtype.char not in "fd":
        return None
    of_x, of_y, of_out, shared, summed = axes
    x, y = x.transpose(of_x), y.transpose(of_y)
    one, two = x.shape, y.shape
    batch, left, inner = one[:shared], one[shared:-summed], one[-summed:]
    right = two[shared + summed :]
    if batch + inner != two[: shared + summed]:  # an axis of length 1, stretched
        return None
    n, k, m = map(math.prod, (left, inner, right))
    out = np.matmul(x.reshape(*batch, n, k), y.reshape(*batch, k, m))
    return out.reshape(batch + left + right).transpose(of_out)


@functools.lru_cache(maxsize=128)
def _axes(subscripts):
    """How x, y and the result are turned, and how many labels are shared and summed.

    x as (shared, its own, summed), y as (shared, summed, its own). None where a label
    repeats within a term, or only one term has it and it is summed, and where no
    matrices are multiplied but rows, one by one.
    """
    terms, out = subscripts.split("->")
    x, y = terms.split(",")
    shared = [c for c in x if c in y and c in out]
    summed = [c for c in x if c in y and c not in out]
    left, right = [c for c in x if c not in y], [c for c in y if c not in x]
    plain = all(len(set(term)) == len(term) for term in (x, y, out))
    if not plain or not summed or not set(left + right) <= set(out):
        return None
    if shared and not (left and right):
        return None
    return (
        tuple(map(x.index, shared + left + summed)),
        tuple(map(y.index, shared + summed + right)),
        tuple(map((shared + left + right).index, out)),
        len(shared),
        len(summed),
    )
