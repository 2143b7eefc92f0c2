"""Leaves, and gradients of what is weighed at random, for the tests of the engine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgrad import Tensor, grad
from tensorgrad.testing.problem import differentiable


def leaves(inputs: Sequence[Any]) -> list[Any]:
    """Each array of floats as a leaf Tensor; everything else as it is."""
    return [Tensor(x, requires_grad=True) if differentiable(x) else x for x in inputs]


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


def leaf(*values: float) -> Tensor:
    """A float64 leaf: without axes for one value, else a vector."""
    data = np.array(values[0] if len(values) == 1 else values, float)
    return Tensor(data, requires_grad=True)


def vector(*values: float) -> Tensor:
    """A float64 leaf with one axis."""
    return Tensor(np.array(values, float), requires_grad=True)
