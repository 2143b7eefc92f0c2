"""Attention a few queries at a time, whose scores never leave the cache.

The scores of a block of queries stand one column a query, (keys, queries): so they are
already what a product's rows are copied into, and sums over keys are sums of vectors.
Under a causal mask a block leaves out the keys that none of its queries may see: long
sequences do little more than half of the work. Of the scores nothing is kept but one
number a query.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np

from ..threads import share
from .numba_jit import (
    compiled_for,
    count,
    exp,
    flag,
    helper,
    number,
    read,
    room,
    write,
)
from .numba_matmul import copy_block, panels_of
from .numba_vectors import (
    ROWS,
    columns,
    copy_line,
    dots,
    highest,
    lanes,
    lent,
    multiply_narrow_tile,
    multiply_tile,
    shaped,
    sums,
)
from .scratch import scratch

_LEAST = 1 << 25  # products of numbers, from which on several threads gain
_TERMS = 512  # of a sum over keys, before it is added to what came before


@helper
def _copied(x, memory):
    """x in panels."""
    panels = panels_of(memory, x.shape[1], x.shape[0])
    copy_block(x, panels)
    return panels


@helper
def _combine(left, right, width, out, more):
    """out = left.T @ right, both of them in panels and of that width; or out += that.

    Of right those terms are taken that left has.
    """
    depth, across = left.shape[1], columns(out)
    for k in range(0, max(1, depth), _TERMS):
        terms, adds = (k, min(k + _TERMS, depth)), more or k > 0
        for m in range(0, out.shape[0], ROWS):
            strip = m // across, m % across
            for p in range(right.shape[0]):
                corner = m, p * across
                if width - corner[1] <= lanes(out):
                    multiply_narrow_tile(
                        left, strip, right, p, terms, out, corner, adds
                    )
                else:
                    multiply_tile(left, strip, right, p, terms, out, corner, adds)


@helper
def _scale(x, scale):
    flat = x.reshape(-1)
    for i in range(len(flat)):
        flat[i] *= scale


@helper
def _add(scores, mask, memory):
    """Add the mask (queries, keys) to scores (keys, queries)."""
    if mask.size:
        turned = _copied(mask.T, memory)[0]
        for i in range(scores.shape[0]):
            for j in range(columns(scores)):
                scores[i, j] += turned[i, j]


@helper
def _multiply(scores, mask, memory):
    """The same with a product."""
    if mask.size:
        turned = _copied(mask.T, memory)[0]
        for i in range(scores.shape[0]):
            for j in range(columns(scores)):
                scores[i, j] *= turned[i, j]


@helper
def _hide(scores, limit):
    """Hide keys: the first query sees `limit` of them, each later one a key more."""
    for i in range(max(0, limit), scores.shape[0]):
        for j in range(min(columns(scores), i - limit + 1)):
            scores[i, j] = -np.inf


@helper
def _weigh(scores, shift, total):
    """exp(scores - shift), where shift is the highest of a query, and their sums."""
    highest(scores, shift)
    for j in range(columns(scores)):  # of a query that sees nothing, the sum is 0
        shift[j] = 0 if shift[j] == -np.inf else shift[j]
    for i in range(scores.shape[0]):
        for j in range(columns(scores)):
            scores[i, j] = exp(scores[i, j] - shift[j])
    total[:] = 0
    for k in range(0, scores.shape[0], _TERMS):
        sums(scores[k : k + _TERMS], total)


@helper
def _weigh_backward(scores, gweights, normaliser, products, scale):
    """Scores become weights, and the weights' gradients the scores', in place."""
    for i in range(scores.shape[0]):
        for j in range(columns(scores)):
            scores[i, j] = exp(scores[i, j] - normaliser[j])
    products[:] = 0
    for k in range(0, scores.shape[0], _TERMS):
        dots(scores[k : k + _TERMS], gweights[k : k + _TERMS], products)
    for i in range(scores.shape[0]):
        for j in range(columns(scores)):
            gweights[i, j] = scores[i, j] * (gweights[i, j] - products[j]) * scale


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
    *(read(4), read(4), read(4), read(4), read(4), write(4), write(3)),
    *(flag, number, count, count, room(_Room)),
)
def _attention(
    q, k, v, mask, dropout, out, normaliser, causal, scale, first, last, room
):
    q, k, v, mask, dropout = lent(q), lent(k), lent(v), lent(mask), lent(dropout)
    out, normaliser = lent(out), lent(normaliser)
    T, (S, E), across = q.shape[2], v.shape[2:], columns(q)
    result = shaped(room.result, (across, _whole(E, across)))
    shift, total = shaped(room.highest, (across,)), shaped(room.total, (across,))
    for n in range(first, last):
        b, h = divmod(n, q.shape[1])
        keys = _copied(k[b, h].T, room.keys)
        values = _copied(v[b, h], room.values)
        for t in range(0, T, across):
            stop = min(t + across, T)
            limit, seen = _seen(t, stop, T, S, causal)
            if not seen:
                out[b, h, t:stop], normaliser[b, h, t:stop] = 0, np.inf
                continue
            queries = _copied(q[b, h, t:stop].T, room.queries)
            _scale(queries, scale)
            tile = shaped(room.scores, (_whole(seen, ROWS), across))
            _combine(keys, queries, stop - t, tile, False)
            weights = panels_of(room.scores, across, seen)
            _add(weights[0], mask[b, h, t:stop, :seen], room.mask)
            _hide(weights[0], limit)
            _weigh(weights[0], shift, total)
            _multiply(weights[0], dropout[b, h, t:stop, :seen], room.mask)
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
    gradients of q, k and v.
    """

    k_columns: Any
    v_columns: Any
    k_rows: Any
    q_columns: Any
    g_columns: Any
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
    *(read(4), read(4), read(4), read(4), read(4), read(4), read(3)),
    *(write(4), write(4), write(4), flag, number, count, count, room(_BackwardRoom)),
)
def _attention_backward(
    g, q, k, v, mask, dropout, normaliser, gq, gk, gv, causal, scale, first, last, room
):
    g, q, k, v, normaliser = lent(g), lent(q), lent(k), lent(v), lent(normaliser)
    mask, dropout, one = lent(mask), lent(dropout), q.dtype.type(1)
    gq, gk, gv = lent(gq), lent(gk), lent(gv)
    (T, D), (S, E), across = q.shape[2:], v.shape[2:], columns(q)
    whole, deep, wide = _whole(S, across), _whole(D, across), _whole(E, across)
    gq_tile = shaped(room.gq, (across, deep))
    gk_sum, gv_sum = shaped(room.gk, (whole, deep)), shaped(room.gv, (whole, wide))
    shift = shaped(room.normaliser, (across,))
    products = shaped(room.products, (across,))
    for n in range(first, last):
        b, h = divmod(n, q.shape[1])
        keys = _copied(k[b, h].T, room.k_columns)
        values = _copied(v[b, h].T, room.v_columns)
        key_rows = _copied(k[b, h], room.k_rows)
        gk_sum[:], gv_sum[:] = 0, 0
        for t in range(0, T, across):
            stop = min(t + across, T)
            limit, seen = _seen(t, stop, T, S, causal)
            if not seen:
                gq[b, h, t:stop] = 0
                continue
            many = _whole(seen, ROWS)
            queries = _copied(q[b, h, t:stop].T, room.q_columns)
            _scale(queries, scale)
            _combine(
                keys, queries, stop - t, shaped(room.scores, (many, across)), False
            )
            grads = _copied(g[b, h, t:stop].T, room.g_columns)
            _combine(
                values, grads, stop - t, shaped(room.gscores, (many, across)), False
            )
            weights = panels_of(room.scores, across, seen)
            gweights = panels_of(room.gscores, across, seen)
            for j in range(across):
                shift[j] = normaliser[b, h, t + j] if t + j < T else np.inf
            _add(weights[0], mask[b, h, t:stop, :seen], room.mask)
            _hide(weights[0], limit)
            _multiply(gweights[0], dropout[b, h, t:stop, :seen], room.mask)
            _weigh_backward(weights[0], gweights[0], shift, products, scale)
            _multiply(weights[0], dropout[b, h, t:stop, :seen], room.mask)

            tile = gq_tile[: _whole(stop - t, ROWS)]
            _combine(gweights, key_rows, D, tile, False)
            for j in range(stop - t):
                copy_line(gq_tile, j, gq[b, h], t + j, one)
            turned = _copied(gweights[0].T[: stop - t], room.turned)
            queries = _copied(q[b, h, t:stop], room.q_rows)
            _combine(turned, queries, D, gk_sum[:many], True)
            turned = _copied(weights[0].T[: stop - t], room.turned)
            grads = _copied(g[b, h, t:stop], room.g_rows)
            _combine(turned, grads, E, gv_sum[:many], True)
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


def _masks(shape, like, mask, dropout_mask):
    """Both, for all scores and in rows; in the first, True is 0 and False -inf."""
    if mask is not None and mask.dtype == bool:
        mask = np.where(mask, like.dtype.type(0), like.dtype.type(-np.inf))
    return [_spread(m, shape, like) for m in (mask, dropout_mask)]


def _spread(mask, shape, like):
    if mask is None:  # no queries, no keys
        return np.empty((*shape[:2], 0, 0), like.dtype)
    rows = np.broadcast_to(mask, (*mask.shape[:-1], shape[-1]))
    return np.broadcast_to(_readable(rows.astype(like.dtype, copy=False)), shape)


def _memory(names, like, *depths):
    """Scratch memory: of each part so many times as many elements as a tile is wide."""
    places = [d * columns(like) for d in itertools.accumulate(depths, initial=0)]
    memory = scratch(names.__name__, (places[-1],), like.dtype)
    return names(*[memory[i:j] for i, j in itertools.pairwise(places)])


def _each_head(run, heads, products):
    """run(first, last) for all heads; so many products of numbers go into one."""
    if heads * products < _LEAST:
        run(0, heads)
    else:
        share(run, heads)


@np.errstate(all="ignore")
def attention(q, k, v, mask, dropout_mask, causal, scale):
    q, k, v = _readable(q), _readable(k), _readable(v)
    out = _like(q, v.shape[-1])
    normaliser = np.empty(q.shape[:-1], q.dtype)
    (B, H, T, D), (S, E), across = q.shape, v.shape[2:], columns(q)
    masks = _masks((B, H, T, S), q, mask, dropout_mask)
    arrays = q, k, v, *masks, out, normaliser, causal, q.dtype.type(scale)
    keys, wide = -(-S // across), -(-E // across)  # panels

    def run(first, last):
        scores = 2 * [keys * across]
        depths = keys * D, wide * S, D, *scores, wide * across, 1, 1
        _attention(*arrays, first, last, _memory(_Room, q, *depths))

    _each_head(run, B * H, T * S * (D + E))
    return out, normaliser[..., None]


@np.errstate(all="ignore")
def attention_backward(
    g, q, k, v, out, log_normaliser, mask, dropout_mask, causal, scale
):
    g, q, k, v = _readable(g), _readable(q), _readable(k), _readable(v)
    gq, gk, gv = (_like(x, x.shape[-1]) for x in (q, k, v))
    (B, H, T, D), (S, E), across = q.shape, v.shape[2:], columns(q)
    masks = _masks((B, H, T, S), q, mask, dropout_mask)
    arrays = g, q, k, v, *masks, log_normaliser[..., 0], gq, gk, gv
    settings = causal, q.dtype.type(scale)
    keys, deep, wide = -(-S // across), -(-D // across), -(-E // across)  # panels

    def run(first, last):
        copies = keys * D, keys * E, deep * S, D, E, deep * across, wide * across
        scores = 4 * [keys * across]
        gradients = deep * across, keys * deep * across, keys * wide * across
        depths = *copies, *scores, *gradients, 1, 1
        memory = _memory(_BackwardRoom, q, *depths)
        _attention_backward(*arrays, *settings, first, last, memory)

    _each_head(run, B * H, T * S * (D + E))
    return gq, gk, gv
