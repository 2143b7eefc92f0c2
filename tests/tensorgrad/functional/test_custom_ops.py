"""Ops that a user defines, in a file of their own, under every derivative."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY
from tensorgrad.functional import (
    checkpoint,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)


@pytest.fixture
def ops() -> Iterator[Any]:
    """Four ops as a user writes them, forgotten after the test."""
    before = dict(REGISTRY)

    @tg.primitive
    def cubed(x: Any) -> Any:
        """x^3"""
        return x * x * x

    cubed.gradient(x=lambda g, x: g * 3.0 * x * x)

    @tg.primitive(broadcasts=True)
    def scaled(x: Any, y: Any, *, by: float = 1.0) -> Any:
        """by x y"""
        return by * x * y

    scaled.gradient(
        x=lambda g, y, by: scaled(g, y, by=by), y=lambda g, x, by: scaled(g, x, by=by)
    )

    @tg.primitive
    def halves(x: Any) -> Any:
        """The first half of x, and twice the second."""
        n = len(x) // 2
        return x[:n], 2 * x[n:]

    def _halves(g: Any, x_shape: Any) -> Any:
        first, second = g
        n = x_shape[0] // 2
        zero = np.zeros(n)
        second = zero if second is None else second * 2.0
        return tg.concatenate([zero if first is None else first, second])

    halves.gradient(x=_halves)

    @tg.fused
    def bell(x: Any, width: Any, *, height: float = 1.0) -> Any:
        """height exp(-(x / width)^2)"""
        z = x / width
        return tg.exp(-(z * z)) * height

    @bell.forward
    def _(x: Any, width: Any, *, height: float = 1.0) -> Any:
        z = x / width
        return height * np.exp(-z * z), z

    @bell.backward
    def _(g: Any, out: Any, z: Any, width: Any) -> Any:
        gz = -2 * g * out * z
        return [gz / width, np.asarray((-gz * z / width).sum())]

    yield SimpleNamespace(cubed=cubed, scaled=scaled, halves=halves, bell=bell)
    REGISTRY.clear()
    REGISTRY.update(before)


X, W = np.array([0.5, -1.0, 2.0, 0.25]), np.array(1.5)


def theirs(ops: Any) -> Any:
    """(4,) and () -> 0-d, through each op."""

    def f(x: Any, w: Any) -> Any:
        first, second = ops.halves(ops.bell(ops.cubed(x), w, height=2.0))
        return ops.scaled(first, second, by=3.0).sum()

    return f


def ours(x: Any, w: Any) -> Any:
    """The same of built-in ops."""
    z = x * x * x / w
    bell = tg.exp(-(z * z)) * 2.0
    return (bell[:2] * bell[2:] * 6.0).sum()


def test_every_derivative(ops: Any) -> None:
    f = theirs(ops)
    for derive in [
        lambda f: value_and_grad(f, (0, 1))(X, W),
        lambda f: vjp(f, X, W)[1](2.0),
        lambda f: jvp(f, (X, W), (X, W)),
        lambda f: hvp(f, (X, W), (X, W)),
        lambda f: jacobian(f, mode="reverse")(X, W),
        lambda f: jacobian(f, mode="forward")(X, W),
        lambda f: hessian(f, (0, 1))(X, W)[1],
        lambda f: jacobian(hessian(f))(X, W),
        lambda f: grad(lambda w: (grad(f)(X, w) * X).sum())(W),
    ]:
        expected = tg.functional.trees.leaves(derive(ours))
        for wrapped in (f, lambda *xs: checkpoint(f, *xs)):
            found = tg.functional.trees.leaves(derive(wrapped))
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_an_output_that_is_not_used(ops: Any) -> None:
    def f(x: Any) -> Any:
        return (ops.halves(x * x)[1] * x[:2]).sum()

    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert grad(f)(x).tolist() == [18, 32, 12, 32]
    found = grad(lambda x: checkpoint(lambda x: ops.halves(x * x), x)[1].sum())(x)
    assert found.tolist() == [0, 0, 12, 16]
    expected = np.zeros((4, 4))
    expected[[0, 1, 2, 3], [2, 3, 0, 1]] = [12, 16, 12, 16]
    expected[[2, 3], [2, 3]] = [4, 8]
    np.testing.assert_allclose(hessian(f)(x), expected)
