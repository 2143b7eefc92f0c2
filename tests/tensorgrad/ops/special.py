"""Ops at the numbers where formulas break: zeros, infinities, NaN, the very large."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, grad

inf, nan = np.inf, np.nan
NUMBERS = [-inf, -1e30, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 1e30, inf, nan]
DTYPES = ["float32", "float64"]


def numbers_for(name: str, dtype: str) -> list[np.ndarray]:
    """All of NUMBERS, or for an op of two inputs all pairs of them."""
    axes = np.meshgrid(*[NUMBERS] * len(REGISTRY[name].inputs))
    return [axis.ravel().astype(dtype) for axis in axes]


def torchs(name: str) -> Callable[..., Any]:
    """PyTorch's function of that name."""
    pytest.importorskip("torch")
    from tests.tensorgrad.in_torch import TORCH

    return TORCH[name]


def tracked_in_torch(xs: Any) -> list[Any]:
    torch = pytest.importorskip("torch")
    return [torch.tensor(x, requires_grad=True) for x in xs]


@np.errstate(all="ignore")
def check_values(name: str, dtype: str) -> None:
    """Assert that the values are NumPy's, or where NumPy has no such op PyTorch's."""
    xs = numbers_for(name, dtype)
    if hasattr(np, name):
        expected = getattr(np, name)(*xs)
    else:
        expected = torchs(name)(*tracked_in_torch(xs)).detach().numpy()
    for inputs in (xs, [Tensor(x) for x in xs]):
        found = getattr(tg, name)(*inputs)
        found = found.data if isinstance(found, Tensor) else found
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@np.errstate(all="ignore")
def check_slopes(name: str, dtype: str, differs: Any = None) -> None:
    """Assert that the gradients are PyTorch's, except where `differs(*inputs)`."""
    torch = pytest.importorskip("torch")
    xs = numbers_for(name, dtype)
    ours = [Tensor(x, requires_grad=True) for x in xs]
    found = grad(getattr(tg, name)(*ours).sum(), ours)
    theirs = tracked_in_torch(xs)
    out = torchs(name)(*theirs).sum()
    expected = torch.autograd.grad(out, theirs, materialize_grads=True)
    same = ~differs(*xs) if differs else slice(None)
    for one, other in zip(found, expected, strict=True):
        # atol: in float32 PyTorch squares 1e30, and loses slopes of 1e-30
        np.testing.assert_allclose(
            one.data[same], other.numpy()[same], rtol=1e-5, atol=1e-25
        )


def nth(function: Any, n: int, *values: Any) -> list[Any]:
    """The nth derivative of sum(function(...)) to the first input, element by element.

    n = 1 gives the gradients of all inputs.
    """
    xs = [Tensor(np.asarray(v, float), requires_grad=True) for v in values]
    found = [function(*xs)]
    for _ in range(n):
        if found[0].node is None:
            return [np.zeros(found[0].shape).tolist()]
        found = grad(found[0].sum(), xs, create_graph=True, allow_unused=True)
    return [g if g is None else g.tolist() for g in found]


@np.errstate(all="ignore")
def check_kinks(function: Any, values: Any, expected: Any) -> None:
    """Assert what the gradients are at the values, for each input."""

    def thrice(*xs: Any) -> Any:  # a gradient of 1 would hide that it is dropped
        return function(*xs) * 3.0

    for found, wanted in zip(nth(thrice, 1, *values), expected, strict=True):
        np.testing.assert_allclose(found, 3.0 * np.array(wanted), rtol=1e-12)


def check_square(function: Any, n: int, low: float = 0.0) -> None:
    """Assert that the elements of square arrays keep their places, and their g."""
    rng = np.random.default_rng(0)
    inputs, g = rng.uniform(low + 0.3, low + 0.9, (n, 3, 3)), rng.normal(size=(3, 3))
    squares, lines = (
        [Tensor(x, requires_grad=True) for x in xs]
        for xs in (inputs, inputs.reshape(n, 9))
    )
    found = grad(function(*squares), squares, Tensor(g))
    expected = grad(function(*lines), lines, Tensor(g.ravel()))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.data.ravel(), other.data, rtol=1e-12)


def check_integers(name: str) -> None:
    """Assert that integers are treated as NumPy treats them."""
    xs = [np.array([1, 2, 3])] * len(REGISTRY[name].inputs)
    expected = getattr(np, name)(*xs)
    for inputs in (xs, [Tensor(x) for x in xs]):
        found = getattr(tg, name)(*inputs)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(np.asarray(found), expected)
