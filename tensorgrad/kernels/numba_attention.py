"""Attention in tiles that stay in the cache: BLAS products, fused row kernels.

The forward pass takes a block of queries at a time, the backward pass a block of
keys, so that one product of three adds to what is there, not two. Under a causal
mask a tile leaves out what the mask hides: long sequences do little more than half
of the work. Saved are row statistics alone.
"""

import math

import numpy as np

from .numba_jit import compiled, exp, order, reduction, rows, unorder
from .numba_rows import row_dot

_TILE = 1 << 20  # bytes of scores at a time, about one core's L2 cache
_BLOCK = 64  # queries or keys at a time


@reduction
def _scale_row(scores, i, limit, scale):
    """Scale the row, cut it at limit, and return its maximum."""
    lowest = scores.dtype.type(-np.inf)
    highest = order(lowest)
    for j in range(scores.shape[1]):
        score = scores[i, j] * scale if j < limit else lowest
        scores[i, j] = score
        key = order(score)
        highest = key if key > highest else highest
    return unorder(highest)


@reduction
def _exp_in_place(scores, i, highest):
    total = scores.dtype.type(0)
    for j in range(scores.shape[1]):
        e = exp(scores[i, j] - highest)
        scores[i, j] = e
        total += e
    return total


@compiled
def _weigh(scores, normaliser, queries, limit, scale):
    """Scores (rows, keys) become weights, in place.

    Row i is query i % queries of the tile; the first sees `limit` keys, each later
    one a key more.
    """
    t = scores.dtype.type
    zero, one, scale, infinity = t(0), t(1), t(scale), t(np.inf)
    for i in range(scores.shape[0]):
        highest = _scale_row(scores, i, limit + i % queries, scale)
        if highest == -infinity:
            normaliser[i] = infinity
            scores[i, :] = zero
            continue
        total = _exp_in_place(scores, i, highest)
        normaliser[i] = highest + np.log(total)
        part = one / total
        for j in range(scores.shape[1]):
            scores[i, j] *= part


@compiled
def _weigh_backward(scores, gweights, normaliser, products, queries, limit, scale):
    """Scores become weights, and the weights' gradients the scores', in place."""
    t = scores.dtype.type
    zero, scale = t(0), t(scale)
    for i in range(scores.shape[0]):
        shift, product = normaliser[i], products[i]
        end = limit + i % queries
        for j in range(scores.shape[1]):
            weight = exp(scores[i, j] * scale - shift) if j < end else zero
            scores[i, j] = weight
            gweights[i, j] = weight * (gweights[i, j] - product) * scale


@compiled
def _row_dots(x, y, out):
    for i in range(x.shape[0]):
        out[i] = row_dot(x, y, i)


def _row_products(g, out):
    """sum_d g out, (B, H, T): equal to each row's sum of weight * gweight."""
    swapped = not out.flags.c_contiguous  # most likely a view of (B, T, H, D)
    if swapped:
        g, out = g.swapaxes(1, 2), out.swapaxes(1, 2)
    products = np.empty(g.shape[:-1], g.dtype)
    _row_dots(rows(g), rows(out), products.reshape(-1))
    return products.swapaxes(1, 2) if swapped else products


def _blas(x):
    """x, or a copy where BLAS could not read the rows of x in place."""
    step, item = x.strides[-2:]
    readable = item == x.itemsize and step >= x.shape[-1] * item and step % item == 0
    return x if readable else np.ascontiguousarray(x)


def _additive(mask, dtype):
    """Four axes, and numbers to add: True becomes 0, False -inf."""
    if mask is None:
        return None
    if mask.dtype == bool:
        mask = np.where(mask, dtype.type(0), dtype.type(-np.inf))
    return mask.reshape((1,) * (4 - mask.ndim) + mask.shape)


def _part(mask, *slices):
    """The tile of a mask whose axes may have length 1."""
    pairs = zip(mask.shape, slices, strict=True)
    return mask[tuple(slice(None) if n == 1 else part for n, part in pairs)]


class _Tiles:
    """Buffers for tiles of scores, and the runs of batches and heads that fit."""

    def __init__(self, like, block, buffers):
        self.batches, self.heads = like.shape[:2]
        fits = max(1, _TILE // (max(1, block) * like.itemsize))
        self.step_b = max(1, fits // max(1, self.heads))
        self.step_h = min(self.heads, fits)
        size = min(self.step_b, self.batches) * self.step_h * block
        self.buffers = [np.empty(size, like.dtype) for _ in range(buffers)]

    def __iter__(self):
        for b in range(0, self.batches, self.step_b):
            for h in range(0, self.heads, self.step_h):
                end_b = min(b + self.step_b, self.batches)
                yield slice(b, end_b), slice(h, min(h + self.step_h, self.heads))

    def product(self, buffer, x, y):
        """x @ y.mT into a buffer, as (b, h, t, s) and as (rows, s)."""
        shape = (*x.shape[:-1], y.shape[-2])
        tile = self.buffers[buffer][: math.prod(shape)].reshape(shape)
        np.matmul(x, y.mT, out=tile)
        return tile, tile.reshape(-1, shape[-1])


def attention(q, k, v, mask, dropout_mask, causal, scale):
    q, k, v = _blas(q), _blas(k), _blas(v)
    (batches, heads, queries, _), keys = q.shape, k.shape[-2]
    # in q's memory order: heads that came as a view are merged without a copy
    out = np.empty_like(q, shape=(*q.shape[:-1], v.shape[-1]))
    normaliser = np.empty((batches, heads, queries), q.dtype)
    mask, dropout_mask = _additive(mask, q.dtype), _additive(dropout_mask, q.dtype)
    tiles = _Tiles(q, min(_BLOCK, queries) * keys, 1)
    for start in range(0, queries, _BLOCK):
        t = slice(start, min(start + _BLOCK, queries))
        limit = start + 1 + keys - queries if causal else keys
        seen = slice(0, min(max(limit + t.stop - start - 1, 0), keys))
        if not seen.stop:
            out[:, :, t], normaliser[:, :, t] = 0, np.inf
            continue
        for b, h in tiles:
            tile, flat = tiles.product(0, q[b, h, t], k[b, h, seen])
            factor = float(scale)
            if mask is not None:
                tile *= factor
                tile += _part(mask, b, h, t, seen)
                factor = 1.0
            part = np.empty(tile.shape[:-1], q.dtype)
            _weigh(flat, part.reshape(-1), t.stop - start, limit, factor)
            normaliser[b, h, t] = part
            if dropout_mask is not None:
                tile *= _part(dropout_mask, b, h, t, seen)
            np.matmul(tile, v[b, h, seen], out=out[b, h, t])
    return out, normaliser[..., None]


def attention_backward(
    g, q, k, v, out, log_normaliser, mask, dropout_mask, causal, scale
):
    g, q, k, v = _blas(g), _blas(q), _blas(k), _blas(v)
    queries, keys = q.shape[-2], k.shape[-2]
    gq, gk, gv = np.empty_like(q), np.empty_like(k), np.empty_like(v)
    gq[...] = 0
    mask, dropout_mask = _additive(mask, q.dtype), _additive(dropout_mask, q.dtype)
    normaliser, products = log_normaliser[..., 0], _row_products(g, out)
    tiles = _Tiles(q, queries * min(_BLOCK, keys), 2)
    for start in range(0, keys, _BLOCK):
        s = slice(start, min(start + _BLOCK, keys))
        first = max(0, start + queries - keys) if causal else 0
        t = slice(first, queries)
        limit = first + 1 + keys - queries - start if causal else keys
        for b, h in tiles:
            tile, flat = tiles.product(0, q[b, h, t], k[b, h, s])
            gtile, gflat = tiles.product(1, g[b, h, t], v[b, h, s])
            factor = float(scale)
            if mask is not None:
                tile *= factor
                tile += _part(mask, b, h, t, s)
                factor = 1.0
            if dropout_mask is not None:
                gtile *= _part(dropout_mask, b, h, t, s)
            statistics = normaliser[b, h, t].reshape(-1), products[b, h, t].reshape(-1)
            _weigh_backward(flat, gflat, *statistics, queries - first, limit, factor)
            if mask is not None:
                gtile *= float(scale)
            if dropout_mask is not None:
                tile *= _part(dropout_mask, b, h, t, s)
            np.matmul(tile.mT, g[b, h, t], out=gv[b, h, s])
            np.matmul(gtile.mT, q[b, h, t], out=gk[b, h, s])
            gq[b, h, t] += gtile @ k[b, h, s]
    return gq, gk, gv
