"""Domains of the ops that run as one kernel."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import (
    Constant,
    Domain,
    apart,
    bools,
    integers,
    shapes,
    sizes,
    unary,
    uniform,
)

erf = np.vectorize(math.erf, otypes=[float])


def gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


@st.composite
def rows(draw: Any) -> Any:
    x = uniform(draw, draw(shapes.filter(len)))
    return [x], {"axis": draw(st.integers(-x.ndim, x.ndim - 1))}


def softmax(x: Any, axis: int) -> Any:
    weights = np.exp(x)
    return weights / weights.sum(axis, keepdims=True)


@st.composite
def norms(draw: Any) -> Any:
    features = draw(st.integers(2, 4))
    (x,) = apart(draw, (*draw(shapes)[:2], features))
    weight, bias = [
        uniform(draw, features) if draw(st.booleans()) else None for _ in "wb"
    ]
    return [x, weight, bias], {"eps": draw(st.sampled_from([1e-5, 0.1]))}


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    out = centred / np.sqrt(x.var(-1, keepdims=True) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


@st.composite
def classifications(draw: Any) -> Any:
    lead, classes = draw(shapes), draw(st.integers(1, 4))
    ignored = draw(st.sampled_from([-100, 0]))
    targets = integers(draw, 0, classes, lead)
    targets = np.where(bools(draw, lead, 0.3), ignored, targets)
    settings = {
        "ignore_index": ignored,
        "label_smoothing": draw(st.sampled_from([0.0, 0.1])),
    }
    return [uniform(draw, (*lead, classes)), targets], settings


def cross_entropy(
    logits: Any, targets: Any, ignore_index: int, label_smoothing: float
) -> Any:
    out = np.zeros(targets.shape)
    for i in np.ndindex(targets.shape):
        if targets[i] != ignore_index:
            scores = np.log(softmax(logits[i], axis=0))
            smooth = label_smoothing * scores.mean()
            out[i] = (label_smoothing - 1) * scores[targets[i]] - smooth
    return out


@st.composite
def attentions(draw: Any) -> Any:
    lead = draw(st.sampled_from([(), (2,), (2, 3), (0, 2), (2, 1, 2)]))
    t, s, d, e = (draw(sizes) for _ in "tsde")
    q, k, v = (uniform(draw, (*lead, *ends)) for ends in ((t, d), (s, d), (s, e)))
    mask_shape = draw(st.sampled_from([(t, s), (s,), (t, 1), (*lead, t, s)]))
    allowed = bools(draw, mask_shape, 0.6)
    added = uniform(draw, mask_shape).view(Constant)
    mask = draw(st.sampled_from(["none", "allowed", "added"]))
    chosen = {"none": None, "allowed": allowed, "added": added}
    kept = bools(draw, (*lead, t, s), 0.7)
    dropout = (kept / 0.7).view(Constant) if draw(st.booleans()) else None
    return [q, k, v, chosen[mask], dropout], {
        "causal": draw(st.booleans()),
        "scale": draw(st.sampled_from([None, 0.7])),
    }


def attention(
    q: Any, k: Any, v: Any, mask: Any, dropout_mask: Any, causal: bool, scale: Any
) -> Any:
    t, s = q.shape[-2], k.shape[-2]
    scores = np.einsum("...td,...sd->...ts", q, k)
    scores = scores * (scale if scale else 1 / math.sqrt(max(q.shape[-1], 1)))
    allowed = np.ones(scores.shape, bool)
    if causal:
        allowed &= np.arange(s) <= np.arange(t)[:, None] + s - t
    if mask is not None and mask.dtype == bool:
        allowed &= mask
    elif mask is not None:
        scores = scores + mask
    weights = np.where(allowed, np.exp(scores), 0)
    sums = weights.sum(-1, keepdims=True)
    weights = weights / np.where(sums == 0, 1, sums)
    weights = weights if dropout_mask is None else weights * dropout_mask
    return np.einsum("...ts,...se->...te", weights, v)


KERNELS = {
    "erf": Domain(unary(), lambda x: erf(x).reshape(np.shape(x))),
    "gelu": Domain(unary(approximate=st.sampled_from(["none", "tanh"])), gelu),
    "softmax": Domain(rows(), softmax),
    "log_softmax": Domain(rows(), lambda x, axis: np.log(softmax(x, axis))),
    "layer_norm": Domain(norms(), layer_norm),
    "cross_entropy": Domain(classifications(), cross_entropy),
    "attention": Domain(attentions(), attention),
}
