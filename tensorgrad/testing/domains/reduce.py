"""Domains of the ops that combine elements along axes."""

import builtins
import math
from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from .draws import Domain, apart, bools, full_shapes, generators, shapes, uniform


def an_axis(draw: Any, ndim: int) -> Any:
    """None, one axis or several, counted from either end."""
    one = st.integers(-ndim, ndim - 1) if ndim else st.none()
    some = draw(st.permutations(range(ndim)))[: draw(st.integers(0, ndim))]
    several = tuple(a - ndim * draw(st.booleans()) for a in some)
    return draw(st.one_of(st.none(), one, st.just(several)))


@st.composite
def reduced(draw: Any, /, filled: bool = True, **settings: Any) -> Any:
    (x,) = apart(draw, draw(full_shapes if filled else shapes))
    chosen = {name: draw(options) for name, options in settings.items()}
    chosen |= {"axis": an_axis(draw, x.ndim), "keepdims": draw(st.booleans())}
    return [x], chosen


@st.composite
def variances(draw: Any) -> Any:
    (x,), settings = draw(reduced())
    n = np.max(np.sum(np.ones(x.shape), axis=settings["axis"]))
    fewer = [ddof for ddof in (0, 1, 1.5, 2) if ddof < n]  # else n - ddof is 0
    return [x], settings | {"ddof": draw(st.sampled_from(fewer))}


@st.composite
def deviations(draw: Any) -> Any:
    """Several elements to each result, none of which is then 0."""
    (x,) = apart(draw, draw(nps.array_shapes(max_dims=3, min_side=2, max_side=3)))
    one = st.integers(-x.ndim, x.ndim - 1)
    several = st.sets(st.integers(0, x.ndim - 1), min_size=1).map(tuple)
    settings = {"axis": draw(st.one_of(st.none(), one, several))}
    ddof = draw(st.sampled_from([0, 1, 1.5]))
    settings |= {"ddof": ddof, "keepdims": draw(st.booleans())}
    return [x], settings


@st.composite
def with_zeros(draw: Any) -> Any:
    """Some elements are exactly 0: a product is as smooth there as anywhere."""
    several = nps.array_shapes(min_dims=2, max_dims=3, max_side=3)
    shape = draw(st.one_of(several, shapes))
    some = bools(draw, shape, draw(st.sampled_from([1.0, 0.8, 0.5])))
    x = np.asarray(uniform(draw, shape, 0.5, 1.5) * np.where(some, 1.0, 0.0))
    return [x], {"axis": an_axis(draw, x.ndim), "keepdims": draw(st.booleans())}


@st.composite
def truths(draw: Any) -> Any:
    """Few numbers, of both signs, whose sum or product is often 0."""
    shape = draw(shapes)
    x = np.asarray(draw(generators).choice([-0.5, 0.0, 0.5, math.nan], shape))
    return [x], {"axis": an_axis(draw, x.ndim), "keepdims": draw(st.booleans())}


def by_row(function: Callable[[list[float]], Any]) -> Callable[..., Any]:
    """A reduction by what it does to the list of numbers that make one result."""

    def value(x: Any, axis: Any, keepdims: bool) -> Any:
        axes = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
        kept = np.sum(x, axis=axis, keepdims=keepdims).shape
        n = math.prod([x.shape[a] for a in axes])
        rows = np.moveaxis(x, axes, range(-len(axes), 0)).reshape(math.prod(kept), n)
        return np.array([function(row) for row in rows.tolist()]).reshape(kept)

    return value


def logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


REDUCTIONS = {
    "sum": Domain(reduced(filled=False), np.sum),
    "mean": Domain(reduced(), np.mean),
    "var": Domain(variances(), np.var),
    "std": Domain(deviations(), lambda x, **settings: np.sqrt(np.var(x, **settings))),
    "prod": Domain(with_zeros(), by_row(math.prod)),
    "max": Domain(reduced(), np.max),
    "min": Domain(reduced(), np.min),
    "logsumexp": Domain(reduced(), logsumexp),
    "all": Domain(truths(), by_row(builtins.all), smooth=False),
    "any": Domain(truths(), by_row(builtins.any), smooth=False),
}
