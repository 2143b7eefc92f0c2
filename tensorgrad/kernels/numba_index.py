"""Compiled kernels in which integers choose: cross-entropy and scatter-add."""

import numpy as np

from .numba_jit import compiled, exp, plain
from .numba_rows import exp_sum, row_max, row_sum
from .reference import index_error, target_error


@compiled
def _cross_entropy(logits, targets, ignore, smoothing, losses, normaliser):
    """Return the first row whose target is no class, or -1."""
    t = logits.dtype.type
    rest, part, count = t(1 - smoothing), t(smoothing), t(logits.shape[1])
    for i in range(logits.shape[0]):
        target = targets[i]
        if target == ignore:
            losses[i] = normaliser[i] = t(0)
            continue
        if target < 0 or target >= logits.shape[1]:
            return i
        highest = row_max(logits, i)
        log_sum = np.log(exp_sum(logits, i, highest))
        normaliser[i] = highest + log_sum
        losses[i] = rest * (highest - logits[i, target] + log_sum)
        if smoothing != 0.0:
            mean = row_sum(logits, i) / count
            losses[i] += part * (highest - mean + log_sum)
    return -1


def cross_entropy(logits, targets, ignore_index, label_smoothing):
    losses, normaliser = (np.empty(len(targets), logits.dtype) for _ in range(2))
    logits, targets = plain(logits), plain(targets.astype(np.int64, copy=False))
    settings = int(ignore_index), float(label_smoothing)
    bad = _cross_entropy(logits, targets, *settings, losses, normaliser)
    if bad >= 0:
        raise target_error(targets, bad, logits.shape[1])
    return losses, normaliser


@compiled
def _cross_entropy_backward(g, logits, targets, normaliser, ignore, smoothing, out):
    t = logits.dtype.type
    columns = logits.shape[1]
    rest = t(1 - smoothing)
    spread = t(smoothing / columns)
    for i in range(logits.shape[0]):
        if targets[i] == ignore:
            out[i, :] = t(0)
            continue
        scale, shift = g[i], normaliser[i]
        for j in range(columns):
            out[i, j] = scale * (exp(logits[i, j] - shift) - spread)
        # anew, not minus: an infinite g times (p - 1) is no NaN
        chosen = exp(logits[i, targets[i]] - shift)
        out[i, targets[i]] = scale * (chosen - spread - rest)


def cross_entropy_backward(
    g, logits, targets, log_normaliser, ignore_index, label_smoothing
):
    out = np.empty(logits.shape, logits.dtype)
    if not out.size:
        return out
    targets = plain(targets.astype(np.int64, copy=False))
    arrays = plain(g), plain(logits), targets, plain(log_normaliser)
    _cross_entropy_backward(*arrays, int(ignore_index), float(label_smoothing), out)
    return out


@compiled
def _scatter_add_rows(out, indices, g):
    """Return the first index outside out, before anything is written, or -1."""
    count = out.shape[0]
    for i in range(indices.size):
        if indices[i] < -count or indices[i] >= count:
            return i
    for i in range(indices.size):
        row = indices[i] + (count if indices[i] < 0 else 0)
        for j in range(out.shape[1]):
            out[row, j] += g[i, j]
    return -1


def scatter_add_rows(out, indices, g):
    indices = plain(indices.astype(np.int64, copy=False))
    target = plain(out)
    bad = _scatter_add_rows(target, indices, plain(g))
    if bad >= 0:
        raise index_error(indices, bad, len(out))
    if target is not out:
        out[...] = target
