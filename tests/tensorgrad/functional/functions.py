"""Smooth functions of two arrays, and ways to draw what they take."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgrad as tg

STEP = 1e-3  # the five-point rule then errs by 1e-12 times the fifth derivative

Function = Callable[..., Any]


def entangled(x: Any, y: Any) -> Any:
    """(n,) and (m,) -> (m, n)"""
    return tg.sin(tg.expand_dims(y, axis=1) * x) + x * x


def reduced(x: Any, y: Any) -> Any:
    """-> 0-d"""
    return tg.exp(-(x * x).sum()) * y.sum() + (y * y * y).sum()


def several(x: Any, y: Any) -> Any:
    """-> {"a": (n,), "b": (0-d, (m,))}"""
    return {"a": tg.tanh(x) * y.sum(), "b": (reduced(x, y), tg.sigmoid(y) * x.mean())}


def fused(x: Any, y: Any) -> Any:
    """-> (n,), through an op whose derivative is recorded by its definition"""
    weight = x * 0.5 + 1.0
    return tg.layer_norm(x + y.sum() * weight * x, weight, x, eps=1.0)


def partly(x: Any, y: Any) -> Any:
    """One result depends on y alone, one on nothing."""
    return y * y, np.ones(2), x.sum() * 1.0


FUNCTIONS: list[Function] = [entangled, reduced, several, fused, partly]

functions = st.sampled_from(FUNCTIONS)


def arrays(shape: tuple[int, ...]) -> Any:
    return hnp.arrays(
        np.float64, shape, elements=st.integers(-8, 8).map(lambda k: k / 8)
    )


@st.composite
def points(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """x (n,) and y (m,), x not constant, so that layer_norm is smooth."""
    n, m = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    return draw(arrays((n,))) + np.arange(n), draw(arrays((m,)))


def flat(tree: Any) -> np.ndarray:
    """All the numbers of a tree of arrays, in one array."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, tuple | list):
        return np.concatenate([np.zeros(0), *map(flat, tree)])
    return np.ravel(np.asarray(tree, float))


def weights(tree: Any, seed: int) -> Any:
    """Random numbers built like a tree of arrays."""
    rng = np.random.default_rng(seed)
    return tg.functional.trees.rebuilt(
        tree, (np.asarray(rng.normal(size=np.shape(x))) for x in _leaves(tree))
    )


def _leaves(tree: Any) -> Any:
    return tg.functional.trees.leaves(tree)


def value(f: Function) -> Function:
    """f on arrays, as one flat array."""

    def on_arrays(*xs: Any) -> np.ndarray:
        out = f(*[tg.Tensor(x) if isinstance(x, np.ndarray) else x for x in xs])
        arrays = [getattr(y, "data", y) for y in _leaves(out)]
        return flat(arrays)

    return on_arrays


def slope(f: Function, inputs: Any, direction: Any) -> np.ndarray:
    """The derivative of a flat f along a direction, by the five-point rule."""

    def at(t: float) -> np.ndarray:
        pairs = zip(inputs, direction, strict=True)
        return f(*[np.asarray(x + t * d) for x, d in pairs])

    h = STEP
    found: np.ndarray = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    return found


def close(found: Any, expected: Any, scale: float = 1e-6) -> None:
    """Equal up to the error of finite differences, for numbers of a moderate size."""
    found, expected = flat(found), flat(expected)
    size = 1 + (abs(expected).max() if expected.size else 0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=scale * size)
