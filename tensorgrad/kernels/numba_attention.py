"""Attention in tiles that stay in the cache: BLAS products, fused row kernels.

The forward pass takes a block of queries at a time, the backward pass a block of
keys, so that one product of three adds to what is there, not two. Under a causal
mask a tile leaves out what the mask hides: long sequences do little more than half
of the work. Saved are row statistics alone.
"""

import numpy as np

from .numba_jit import compiled, exp, order, plain, reduction, rows, unorder
from .numba_rows import row_dot, row_sum
from .scratch import TILE, scratch

_BLOCK = 64  # queries or keys at a time, where the causal mask cuts a staircase


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
        # the sum too, since a NaN with a sign bit sorts below -inf
        if highest == -infinity and row_sum(scores, i) == -infinity:
            normaliser[i] = infinity
            scores[i, :] = zero
            continue
        total = _exp_in_place(scores, i, highest)
        normaliser[i] = highest + np.log(total)
        part = one / total
        for j in range(scores.shape[1]):
            scores[i, j] *= part


@compiled
def _weigh_backward(
    scores, gweights, normaliser, products, queries, limit, factor, scale
):
    """Scores become weights, and the weights' gradients the scores', in place."""
    t = scores.dtype.type
    zero, factor, scale = t(0), t(factor), t(scale)
    for i in range(scores.shape[0]):
        shift, product = normaliser[i], products[i]
        end = limit + i % queries
        for j in range(scores.shape[1]):
            weight = exp(scores[i, j] * factor - shift) if j < end else zero
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


def _masks(mask, dropout_mask, dtype):
    """Both with four axes; in the first, True becomes 0 and False -inf."""
    if mask is not None and mask.dtype == bool:
        mask = np.where(mask, dtype.type(0), dtype.type(-np.inf))
    return tuple(
        None if m is None else m.reshape((1,) * (4 - m.ndim) + m.shape)
        for m in (mask, dropout_mask)
    )


def _part(mask, *slices):
    """The tile of a mask whose axes may have length 1."""
    pairs = zip(mask.shape, slices, strict=True)
    return mask[tuple(slice(None) if n == 1 else part for n, part in pairs)]


def _add_mask(tile, mask, place, scale):
    """Add the mask to the scaled scores; return what is left to multiply them by."""
    if mask is None:
        return scale
    tile *= scale
    tile += _part(mask, *place)
    return 1.0


def _multiply(tile, mask, place):
    if mask is not None:
        tile *= _part(mask, *place)


def _block(causal, other, like):
    """The queries of a tile over `other` keys, or the keys over `other` queries."""
    if causal:
        return _BLOCK
    return max(_BLOCK, TILE // (4 * max(1, other) * like.itemsize))


def _query_blocks(queries, keys, causal, like):
    """(t, s, limit): queries t see among them the keys s, and the first sees limit."""
    block = _block(causal, keys, like)
    for start in range(0, queries, block):
        stop = min(start + block, queries)
        limit = start + 1 + keys - queries if causal else keys
        seen = min(keys, max(0, limit + stop - start - 1))
        yield slice(start, stop), slice(0, seen), limit


def _key_blocks(queries, keys, causal, like):
    """(t, s, limit): queries t see among them the keys s, and the first sees limit."""
    block = _block(causal, queries, like)
    for start in range(0, keys, block):
        s = slice(start, min(start + block, keys))
        first = min(queries, max(0, start + queries - keys)) if causal else 0
        limit = first + 1 + keys - queries - start if causal else keys
        yield slice(first, queries), s, limit


def _tiles(like, area):
    """Slices of batches and of heads whose scores, `area` a head, fill one tile."""
    batches, heads = like.shape[:2]
    fits = max(1, TILE // max(1, area * like.itemsize))
    step_b, step_h = max(1, fits // max(1, heads)), min(heads, fits)
    for b in range(0, batches, step_b):
        for h in range(0, heads, step_h):
            end = min(b + step_b, batches), min(h + step_h, heads)
            yield slice(b, end[0]), slice(h, end[1])


def _product(name, x, y):
    """x @ y.mT into this thread's scratch memory: (b, h, t, s)."""
    tile = scratch(name, (*x.shape[:-1], y.shape[-2]), x.dtype)
    return np.matmul(x, y.mT, out=tile)


def _rows(tile):
    return tile.reshape(-1, tile.shape[-1])


@np.errstate(all="ignore")
def attention(q, k, v, mask, dropout_mask, causal, scale):
    q, k, v = _blas(q), _blas(k), _blas(v)
    queries, keys = q.shape[-2], k.shape[-2]
    # in q's memory order: heads that came as a view are merged without a copy
    out = np.empty_like(q, shape=(*q.shape[:-1], v.shape[-1]))
    normaliser = np.empty(q.shape[:-1], q.dtype)
    masks = _masks(mask, dropout_mask, q.dtype)
    for t, s, limit in _query_blocks(queries, keys, causal, q):
        if s.stop == 0:
            out[:, :, t], normaliser[:, :, t] = 0, np.inf
            continue
        count = t.stop - t.start
        for b, h in _tiles(q, count * s.stop):
            tile = _product("scores", q[b, h, t], k[b, h, s])
            factor = _add_mask(tile, masks[0], (b, h, t, s), float(scale))
            part = np.empty(tile.shape[:-1], q.dtype)
            _weigh(_rows(tile), part.reshape(-1), count, limit, factor)
            normaliser[b, h, t] = part
            _multiply(tile, masks[1], (b, h, t, s))
            np.matmul(tile, v[b, h, s], out=out[b, h, t])
    return out, normaliser[..., None]


@np.errstate(all="ignore")
def attention_backward(
    g, q, k, v, out, log_normaliser, mask, dropout_mask, causal, scale
):
    g, q, k, v = _blas(g), _blas(q), _blas(k), _blas(v)
    queries, keys = q.shape[-2], k.shape[-2]
    gq = np.empty_like(q) if keys else np.zeros_like(q)
    gk, gv = np.empty_like(k), np.empty_like(v)
    masks = _masks(mask, dropout_mask, q.dtype)
    normaliser, products = log_normaliser[..., 0], _row_products(g, out)
    for t, s, limit in _key_blocks(queries, keys, causal, q):
        count = queries - t.start
        for b, h in _tiles(q, 2 * count * (s.stop - s.start)):
            place = b, h, t, s
            tile = _product("scores", q[b, h, t], k[b, h, s])
            gtile = _product("gradients", g[b, h, t], v[b, h, s])
            factor = _add_mask(tile, masks[0], place, float(scale))
            _multiply(gtile, masks[1], place)
            statistics = (plain(x[b, h, t]).reshape(-1) for x in (normaliser, products))
            settings = count, limit, factor, float(scale)
            _weigh_backward(_rows(tile), _rows(gtile), *statistics, *settings)
            _multiply(tile, masks[1], place)
            np.matmul(tile.mT, g[b, h, t], out=gv[b, h, s])
            np.matmul(gtile.mT, q[b, h, t], out=gk[b, h, s])
            if s.start:
                gq[b, h, t] += gtile @ k[b, h, s]
            else:
                gq[b, h, : t.start] = 0
                np.matmul(gtile, k[b, h, s], out=gq[b, h, t])
    return gq, gk, gv
