"""Products of two matrices: blocks in the cache, tiles in registers.

After Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication":
a block of the right matrix and a strip of the left are copied into the order in which
tiles read them. A copy asks for the next one ahead, so that matrices that have left the
cache, as most have in a training step, take little longer than those that are there.
"""

import numpy as np

from ..threads import blas_has_one_thread
from . import reference
from .numba_instructions import WIDE
from .numba_jit import compiled_for, count, flag, helper, kept, plain, read, write
from .numba_memory import lent, parts, shaped, spread
from .numba_vectors import (
    ROWS,
    columns,
    copy_row,
    copy_square,
    height,
    lanes,
    multiply_narrow_tile,
    multiply_tile,
)
from .scratch import scratch

# From these on tiles are quicker than BLAS: products of two numbers; rows and columns.
_LEAST, _FEWEST = 1 << 21, 32
_DEPTH, _WIDTH = 2048, 2048  # bytes of the block that is copied, down and across


@helper
def panels_of(memory, width, depth):
    """As much of that memory as a matrix (depth, width) takes."""
    across = columns(memory)
    return shaped(memory, ((width + across - 1) // across, depth, across))


@helper
def copied(x, memory):
    """x (K, N) in panels (P, K, columns), the last of which ends in zeros.

    Rows of x are contiguous, or else columns are.
    """
    panels, N, side = panels_of(memory, x.shape[1], x.shape[0]), x.shape[1], lanes(x)
    P, depth, across = panels.shape
    if x.strides[1] == x.itemsize:
        for i in range(depth):
            for p in range(P):
                n = p * across
                copy_row(x, (i, n), N - n, panels, (p, i))
    else:
        for p in range(P):
            for j in range(0, across, side):
                n = p * across + j
                for i in range(0, depth, side):
                    copy_square(x, (i, n), (depth - i, N - n), panels, (p, i, j))
    return panels


@helper
def _multiply_edge(strip, m, panels, p, out, corner, base, more, tile):
    """The tile at an edge of out."""
    terms, here = (0, strip.shape[1]), (0, 0)
    if out.shape[1] - corner[1] <= lanes(out):
        multiply_narrow_tile(strip, m, panels, p, terms, tile, here, tile, False)
    else:
        multiply_tile(strip, m, panels, p, terms, tile, here, tile, False)
    for m in range(min(ROWS, out.shape[0] - corner[0])):
        for n in range(min(tile.shape[1], out.shape[1] - corner[1])):
            i, j = corner[0] + m, corner[1] + n
            out[i, j] = base[i, j] + tile[m, n] if more else tile[m, n]


@helper
def _multiply_strip(strip, panels, out, corner, base, more, high, tile):
    """So many rows of out, from a corner on: strip.T @ panels, or base + that."""
    terms = 0, strip.shape[1]
    for m in range(0, high, ROWS):
        for p in range(panels.shape[0]):
            i, j = corner[0] + m, corner[1] + p * columns(out)
            if i + ROWS <= out.shape[0] and j + columns(out) <= out.shape[1]:
                multiply_tile(strip, m, panels, p, terms, out, (i, j), base, more)
            else:
                _multiply_edge(strip, m, panels, p, out, (i, j), base, more, tile)


@compiled_for(read(2), read(2), read(2), flag, write(2), kept(1), count, count)
def _multiply(x, y, bias, biased, out, memory, depth, width):
    x, y, out = lent(x), lent(y), lent(out)
    bias = spread(lent(bias), out.shape)
    sizes = depth * width, depth * height(out), ROWS * columns(out)
    block, strip, rest = parts(memory, sizes)
    (M, K), N, tile = x.shape, y.shape[1], shaped(rest, (ROWS, columns(out)))
    for k in range(0, K, depth):
        deep = min(depth, K - k)
        for n in range(0, N, width):
            wide = min(width, N - n)
            right = copied(y[k : k + deep, n : n + wide], block)
            for m in range(0, M, height(out)):
                high = min(height(out), M - m)
                left = copied(x[m : m + high, k : k + deep].T, strip)
                base, more = (out, True) if k > 0 else (bias, biased)
                _multiply_strip(left, right, out, (m, n), base, more, high, tile)


def multiply(x, y, out, bias=None):
    """out = x @ y + bias, of (M, K), (K, N) with K > 0 and (N,), all of one dtype.

    Rows of out are contiguous, and so are rows or columns of x, and of y.
    """
    K, across = x.shape[1], columns(out)
    width = _WIDTH // (out.itemsize * across) * across
    pieces = -(-K * out.itemsize // _DEPTH)
    depth = -(-K // (pieces * across)) * across  # so that all are about as deep
    size = depth * width + depth * height(out) + ROWS * across
    memory = scratch("matmul", (size,), out.dtype)
    biased = bias is not None
    row = plain(bias) if biased else memory[:1]  # else any number, which nobody reads
    _multiply(x, y, row[None], biased, out, memory, depth, width)
    return out


def matmul(x, y, bias=None):
    """x @ y, or x @ y + bias; of two matrices without BLAS, where BLAS has one thread.

    Of more threads BLAS makes more: its own wait for the next product without sleep.
    """
    if blas_has_one_thread() and _worthwhile(x, y):
        out = np.empty((x.shape[0], y.shape[1]), x.dtype)
        if bias is None or bias.dtype == x.dtype:
            return multiply(x, y, out, bias)
        return reference.add_bias(multiply(x, y, out), bias)
    out = np.matmul(x, y)
    return out if bias is None else reference.add_bias(out, bias)


def _worthwhile(x, y):
    if not x.ndim == y.ndim == 2 or x.shape[1] != y.shape[0] or not WIDE:
        return False
    M, N = x.shape[0], y.shape[1]
    if min(M, N) < _FEWEST or x.size * N < _LEAST:
        return False
    dtype = x.dtype
    native = dtype.char in "fd" and dtype.isnative and dtype == y.dtype
    return native and all([z.flags.aligned and z.itemsize in z.strides for z in (x, y)])
