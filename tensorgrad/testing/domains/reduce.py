"""Domains of the ops that combine elements along axes."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, apart, full_shapes, shapes


def an_axis(draw: Any, ndim: int) -> Any:
    """None, one axis or several, counted from either end."""
    one = st.integers(-ndim, ndim - 1) if ndim else st.none()
    several = st.lists(st.integers(0, max(ndim - 1, 0)), unique=True, max_size=ndim)
    return draw(st.one_of(st.none(), one, several.map(tuple)))


@st.composite
def reduced(draw: Any, /, filled: bool = True, **settings: Any) -> Any:
    (x,) = apart(draw, draw(full_shapes if filled else shapes))
    chosen = {name: draw(options) for name, options in settings.items()}
    chosen |= {"axis": an_axis(draw, x.ndim), "keepdims": draw(st.booleans())}
    return [x], chosen


@st.composite
def variances(draw: Any) -> Any:
    (x,), settings = draw(reduced())
    reduced_to_one = np.sum(np.ones(x.shape), axis=settings["axis"])
    many = bool((reduced_to_one > 1).all())  # else n - ddof is 0
    return [x], settings | {"ddof": draw(st.integers(0, int(many)))}


def logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


REDUCTIONS = {
    "sum": Domain(reduced(filled=False), np.sum),
    "mean": Domain(reduced(), np.mean),
    "var": Domain(variances(), np.var),
    "max": Domain(reduced(), np.max),
    "min": Domain(reduced(), np.min),
    "logsumexp": Domain(reduced(), logsumexp),
}
