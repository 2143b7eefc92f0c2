"""Attention a few queries at a time, whose scores never leave the cache.

The scores of a block of queries stand one column a query, (keys, queries): so they are
already what a product's rows are copied into, and sums over keys are sums of vectors.
Under a causal mask a block leaves out the keys that none of its queries may see: long
sequences do little more than half of the work. Of the scores nothing is kept but one
number a query.
"""

from typing import Any, NamedTuple

import numpy as np

from ..threads import share
from .numba_jit import (
    compiled_for,
    count,
    flag,
    helper,
    kept,
    number,
    read,
    several,
    write,
)
from .numba_matmul import copied, panels_of
from .numba_memory import lent, parts, shaped
from .numba_scores import (
    TERMS,
    apply_mask,
    for_scores,
    hide,
    scale_all,
    weigh,
    weigh_backward,
)
from .numba_vectors import (
    ROWS,
    columns,
    copy_line,
    dots,
    lanes,
    multiply_narrow_tile,
    multiply_tile,
)
from .scratch import scratch

_LEAST = 1 << 25  # products of numbers, from which on several threads gain


@helper
def _combine(left, right, width, out, more):
    """out = left.T @ right, both of them in panels and of that width; or out += that.

    Of right those terms are taken that left has. Out has whole tiles of rows: those
    past left's own hold anything.
    """
    depth, across = left.shape[1], columns(out)
    for k in range(0, max(1, depth), TERMS):
        terms, adds = (k, min(k + TERMS, depth)), more or k > 0
        for m in range(0, out.shape[0], ROWS):
            for p in range(right.shape[0]):
                corner = m, p * across
                if width - corner[1] <= lanes(out):
                    multiply_narrow_tile(
                        left, m, right, p, terms, out, corner, out, adds
                    )
                else:
                    multiply_tile(left, m, right, p, terms, out, corner, out, adds)


@helper
def _seen(t, stop, T, S, causal):
    """How many keys the query t sees, and how many all up to `stop` do."""
    limit = t + 1 + S - T if causal else S
    return limit, min(S, max(0, limit + stop - t - 1))


@helper
def _whole(n, step):
    """n, rounded up to whole steps."""
    return (n + step - 1) // step * step


class _Room(NamedTuple):
    """Memory for what the forward pass copies and computes on the way."""

    keys: Any
    values: Any
    queries: Any
    scores: Any
    mask: Any
    result: Any
    highest: Any
    total: Any


@compiled_for(
    *(kept(1), several(len(_Room._fields), count), several(2, count), flag, number),
    *(several(3, read(4)), several(2, read(4)), write(4), write(3)),
)
def _attention(memory, sizes, heads, causal, scale, inputs, masks, out, normaliser):
    room = _Room(*parts(memory, sizes))
    q, k, v = lent(inputs[0]), lent(inputs[1]), lent(inputs[2])
    out, normaliser = lent(out), lent(normaliser)
    mask, dropout = for_scores(masks[0], q, k), for_scores(masks[1], q, k)
    T, (S, E), across = q.shape[2], v.shape[2:], columns(q)
    result = shaped(room.result, (_whole(across, ROWS), _whole(E, across)))
    shift, total = shaped(room.highest, (across,)), shaped(room.total, (across,))
    for n in range(heads[0], heads[1]):
        b, h = divmod(n, q.shape[1])
        keys = copied(k[b, h].T, room.keys)
        values = copied(v[b, h], room.values)
        for t in range(0, T, across):
            stop = min(t + across, T)
            limit, seen = _seen(t, stop, T, S, causal)
            if not seen:
                out[b, h, t:stop], normaliser[b, h, t:stop] = 0, np.inf
                continue
            queries = copied(q[b, h, t:stop].T, room.queries)
            scale_all(queries, q.dtype.type(scale))
            tile = shaped(room.scores, (_whole(seen, ROWS), across))
            _combine(keys, queries, stop - t, tile, False)
            weights = panels_of(room.scores, across, seen)
            apply_mask(weights[0], mask[b, h, t:stop, :seen], room.mask, True)
            hide(weights[0], limit)
            weigh(weights[0], shift, total)
            apply_mask(weights[0], dropout[b, h, t:stop, :seen], room.mask, False)
            tile = result[: _whole(stop - t, ROWS)]
            _combine(weights, values, E, tile, False)
            for j in range(stop - t):
                hidden = total[j] == 0
                log_sum = np.inf if hidden else shift[j] + np.log(total[j])
                factor = total.dtype.type(0 if hidden else 1 / total[j])
                normaliser[b, h, t + j] = log_sum
                copy_line(result, j, out[b, h], t + j, factor)


class _BackwardRoom(NamedTuple):
    """Memory for what the backward pass copies and computes on the way.

    Of q, k, v and g there are copies by columns, for scores, and by rows, for the
    gradients of q, k and v; of the result, by columns.
    """

    k_columns: Any
    v_columns: Any
    k_rows: Any
    q_columns: Any
    g_columns: Any
    out_columns: Any
    q_rows: Any
    g_rows: Any
    scores: Any
    gscores: Any
    mask: Any
    turned: Any
    gq: Any
    gk: Any
    gv: Any
    normaliser: Any
    products: Any


@compiled_for(
    *(kept(1), several(len(_BackwardRoom._fields), count), several(2, count)),
    *(flag, number),
    *(several(5, read(4)), several(2, read(4)), read(3), several(3, write(4))),
)
def _attention_backward(
    memory, sizes, heads, causal, scale, inputs, masks, normaliser, gradients
):
    room = _BackwardRoom(*parts(memory, sizes))
    g, q, k = lent(inputs[0]), lent(inputs[1]), lent(inputs[2])
    v, out, normaliser = lent(inputs[3]), lent(inputs[4]), lent(normaliser)
    mask, dropout = for_scores(masks[0], q, k), for_scores(masks[1], q, k)
    gq, gk, gv = lent(gradients[0]), lent(gradients[1]), lent(gradients[2])
    one, factor = q.dtype.type(1), q.dtype.type(scale)
    (T, D), (S, E), across = q.shape[2:], v.shape[2:], columns(q)
    rows, deep, wide = _whole(S, ROWS), _whole(D, across), _whole(E, across)
    gq_tile = shaped(room.gq, (_whole(across, ROWS), deep))
    gk_sum, gv_sum = shaped(room.gk, (rows, deep)), shaped(room.gv, (rows, wide))
    shift = shaped(room.normaliser, (across,))
    products = shaped(room.products, (across,))
    for n in range(heads[0], heads[1]):
        b, h = divmod(n, q.shape[1])
        keys = copied(k[b, h].T, room.k_columns)
        values = copied(v[b, h].T, room.v_columns)
        key_rows = copied(k[b, h], room.k_rows)
        gk_sum[:], gv_sum[:] = 0, 0
        for t in range(0, T, across):
            stop = min(t + across, T)
            limit, seen = _seen(t, stop, T, S, causal)
            if not seen:
                gq[b, h, t:stop] = 0
                continue
            many = _whole(seen, ROWS)
            queries = copied(q[b, h, t:stop].T, room.q_columns)
            scale_all(queries, factor)
            _combine(
                keys, queries, stop - t, shaped(room.scores, (many, across)), False
            )
            grads = copied(g[b, h, t:stop].T, room.g_columns)
            _combine(
                values, grads, stop - t, shaped(room.gscores, (many, across)), False
            )
            weights = panels_of(room.scores, across, seen)
            gweights = panels_of(room.gscores, across, seen)
            products[:] = 0
            dots(grads[0], copied(out[b, h, t:stop].T, room.out_columns)[0], products)
            for j in range(across):
                shift[j] = normaliser[b, h, t + j] if t + j < T else np.inf
            apply_mask(weights[0], mask[b, h, t:stop, :seen], room.mask, True)
            hide(weights[0], limit)
            apply_mask(gweights[0], dropout[b, h, t:stop, :seen], room.mask, False)
            weigh_backward(weights[0], gweights[0], shift, products, factor)
            apply_mask(weights[0], dropout[b, h, t:stop, :seen], room.mask, False)

            tile = gq_tile[: _whole(stop - t, ROWS)]
            _combine(gweights, key_rows, D, tile, False)
            for j in range(stop - t):
                copy_line(gq_tile, j, gq[b, h], t + j, one)
            turned = copied(gweights[0].T[: stop - t], room.turned)
            queries = copied(q[b, h, t:stop], room.q_rows)
            _combine(turned, queries, D, gk_sum[:many], True)
            turned = copied(weights[0].T[: stop - t], room.turned)
            grads = copied(g[b, h, t:stop], room.g_rows)
            _combine(turned, grads, E, gv_sum[:many], True)
            # keys that this block did not see, and the next will add to
            gk_sum[seen:many], gv_sum[seen:many] = 0, 0
        for s in range(S):
            copy_line(gk_sum, s, gk[b, h], s, one)
            copy_line(gv_sum, s, gv[b, h], s, one)


def _readable(x):
    """x, or a copy where its rows are not contiguous."""
    fine = x.flags.aligned and x.strides[-1] == x.itemsize
    return x if fine else np.array(x, order="C")


def _like(x, width):
    """Memory for such rows in x's order: views of heads then merge without a copy."""
    out = np.empty_like(x, shape=(*x.shape[:-1], width))
    # where an axis of x was spread, rows may have come apart
    return out if out.strides[-1] == out.itemsize else np.empty(out.shape, out.dtype)


def _masks(keys, like, mask, dropout_mask):
    """Both, in rows of all keys; in the first, True is 0 and False -inf."""
    if mask is not None and mask.dtype == bool:
        mask = np.where(mask, like.dtype.type(0), like.dtype.type(-np.inf))
    return _in_rows(mask, keys, like), _in_rows(dropout_mask, keys, like)


def _in_rows(mask, keys, like):
    if mask is None or not mask.size:
        return np.empty((1, 1, 0, 0), like.dtype)
    if mask.dtype != like.dtype:
        with np.errstate(all="ignore"):
            mask = mask.astype(like.dtype)
    if mask.shape[-1] != keys:
        mask = np.broadcast_to(mask, (*mask.shape[:-1], keys))
    return _readable(mask.reshape((1,) * (4 - mask.ndim) + mask.shape))


def _each_head(compute, depths, products, causal, scale, inputs, *others):
    """compute(...) for all heads, each of so many products of numbers.

    In scratch memory whose parts have so many times as many elements as a tile is wide.
    """
    q = inputs[0]
    sizes = tuple([depth * columns(q) for depth in depths])
    heads = q.shape[0] * q.shape[1]

    def run(first, last):
        memory = scratch("attention", (sum(sizes),), q.dtype)
        compute(memory, sizes, (first, last), causal, float(scale), inputs, *others)

    if heads * products < _LEAST:
        run(0, heads)
    else:
        share(run, heads)


def attention(q, k, v, mask, dropout_mask, causal, scale):
    q, k, v = inputs = _readable(q), _readable(k), _readable(v)
    (T, D), (S, E), across = q.shape[2:], v.shape[2:], columns(q)
    out, normaliser = _like(q, E), np.empty(q.shape[:-1], q.dtype)
    masks = _masks(S, q, mask, dropout_mask)
    keys, wide = -(-S // across), -(-E // across)  # panels
    scores, result = keys * across + ROWS, wide * (across + ROWS)  # of whole tiles
    depths = keys * D, wide * S, D, scores, scores, result, 1, 1
    settings = causal, scale, inputs, masks, out, normaliser
    _each_head(_attention, depths, T * S * (D + E), *settings)
    return out, normaliser[..., None]


def attention_backward(
    g, q, k, v, out, log_normaliser, mask, dropout_mask, causal, scale
):
    g, q, k, v, out = inputs = tuple(map(_readable, (g, q, k, v, out)))
    (T, D), (S, E), across = q.shape[2:], v.shape[2:], columns(q)
    gradients = _like(q, D), _like(k, D), _like(v, E)
    masks = _masks(S, q, mask, dropout_mask)
    keys, deep, wide = -(-S // across), -(-D // across), -(-E // across)  # panels
    copies = keys * D, keys * E, deep * S, D, E, E, deep * across, wide * across
    scores = 4 * (keys * across + ROWS,)  # of whole tiles, as the sums are
    sums = deep * (across + ROWS), deep * (S + ROWS), wide * (S + ROWS)
    depths = *copies, *scores, *sums, 1, 1
    settings = causal, scale, inputs, masks, log_normaliser[..., 0], gradients
    _each_head(_attention_backward, depths, T * S * (D + E), *settings)
    return gradients
