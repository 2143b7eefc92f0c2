"""Derivatives against finite differences, along one random direction.

Every check weighs the outputs with random numbers: an all-ones gradient cancels in
softmax and in the norms, where a wrong derivative would pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgrad import Tensor, grad

STEP = 3e-4  # the five-point rule then errs by 1e-14 times the fifth derivative


def leaves(inputs: Sequence[Any]) -> list[Any]:
    """Each array of floats as a leaf Tensor; everything else as it is."""
    return [Tensor(x, requires_grad=True) if differentiable(x) else x for x in inputs]


def differentiable(x: Any) -> bool:
    return type(x) is np.ndarray and x.dtype.kind == "f"


def listed(outputs: Any) -> list[Any]:
    """The outputs of an op of one or several, as a list."""
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def weights_for(shapes: Sequence[Any], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape)) for shape in shapes]


def total(outputs: Any, seed: int = 0) -> Any:
    """The outputs' elements, weighed at random and summed: a 0-d Tensor."""
    outs = listed(outputs)
    weights = weights_for([out.shape for out in outs], seed)
    return sum((out * w).sum() for out, w in zip(outs, weights, strict=True))


def slopes(function: Callable[..., Any], inputs: Sequence[Any]) -> list[np.ndarray]:
    """The gradient of `total(function(...))` for each input of floats."""
    xs = leaves(inputs)
    tracked = [x for x in xs if isinstance(x, Tensor)]
    found = grad(total(function(*xs)), tracked)
    return [g.numpy() for g in found]


def second_slopes(
    function: Callable[..., Any], inputs: Sequence[Any]
) -> list[np.ndarray]:
    """The gradient of the random sum of gradients that `projected_slopes` gives."""
    xs = leaves(inputs)
    tracked = [x for x in xs if isinstance(x, Tensor)]
    first = grad(total(function(*xs)), tracked, create_graph=True)
    projected = total(tuple(first), seed=1)
    if projected.node is None:  # the function is linear in all of its inputs
        return [np.zeros(x.shape) for x in tracked]
    found = grad(projected, tracked, allow_unused=True)
    return [
        np.zeros(x.shape) if g is None else g.numpy()
        for g, x in zip(found, tracked, strict=True)
    ]


def projected_slopes(function: Callable[..., Any], inputs: Sequence[Any]) -> float:
    first = slopes(function, inputs)
    weights = weights_for([g.shape for g in first], seed=1)
    return float(sum((g * w).sum() for g, w in zip(first, weights, strict=True)))


def along(value: Callable[[list[Any]], float], inputs: Sequence[Any]) -> Any:
    """The direction, and the derivative of `value` along it by the five-point rule."""
    shapes = [x.shape for x in inputs if differentiable(x)]
    direction = weights_for(shapes, seed=2)

    def at(t: float) -> float:
        steps = iter(direction)
        return value(
            [
                np.asarray(x + t * next(steps)) if differentiable(x) else x
                for x in inputs
            ]
        )

    h = STEP
    slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    return direction, slope


def check_gradients(function: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Assert that first and second derivatives equal finite differences."""
    direction, expected = along(lambda xs: total(function(*leaves(xs))).item(), inputs)
    assert_along(slopes(function, inputs), direction, expected)
    direction, expected = along(lambda xs: projected_slopes(function, xs), inputs)
    assert_along(second_slopes(function, inputs), direction, expected)


def assert_along(
    gradients: Sequence[np.ndarray], direction: Sequence[np.ndarray], expected: float
) -> None:
    parts = [(g * d).sum() for g, d in zip(gradients, direction, strict=True)]
    # Rounding in the differences grows with what was summed, not with the sum.
    scale = 1 + sum(abs(part) for part in parts)
    np.testing.assert_allclose(sum(parts), expected, rtol=1e-6, atol=1e-6 * scale)


def leaf(*values: float) -> Tensor:
    """A float64 leaf: without axes for one value, else a vector."""
    data = np.array(values[0] if len(values) == 1 else values, float)
    return Tensor(data, requires_grad=True)


def vector(*values: float) -> Tensor:
    """A float64 leaf with one axis."""
    return Tensor(np.array(values, float), requires_grad=True)
