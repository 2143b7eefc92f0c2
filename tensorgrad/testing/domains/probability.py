"""Domains of the softmaxes and the loss of a classifier."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, bools, integers, shapes, uniform


@st.composite
def rows(draw: Any) -> Any:
    x = uniform(draw, draw(shapes.filter(len)))
    return [x], {"axis": draw(st.integers(-x.ndim, x.ndim - 1))}


def softmax(x: Any, axis: int) -> Any:
    weights = np.exp(x)
    return weights / weights.sum(axis, keepdims=True)


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


PROBABILITIES = {
    "softmax": Domain(rows(), softmax),
    "log_softmax": Domain(rows(), lambda x, axis: np.log(softmax(x, axis))),
    "cross_entropy": Domain(classifications(), cross_entropy),
}
