"""Derivatives of derivatives, in each other and by closure."""

import math
from typing import Any

import numpy as np

import tensorgrad as tg
from tensorgrad import Tensor, no_grad
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
from tests.tensorgrad.checks import leaf


def is_array(x: Any) -> bool:
    return type(x) is np.ndarray


def test_derivatives_of_every_order() -> None:
    f = g = lambda x: x * x * x * x * x
    for expected in [80, 160, 240, 240, 120, 0]:
        f = grad(f)
        assert f(2.0) == expected
    order = jacobian(hessian(grad(g)))
    assert order(2.0) == 240
    sine = tg.sin
    for expected in [math.cos(0.5), -math.sin(0.5), -math.cos(0.5), math.sin(0.5)]:
        sine = grad(sine)
        found = sine(0.5)
        assert is_array(found)
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_nesting_by_closure() -> None:
    assert grad(lambda x: grad(lambda y: y * x)(2.0))(3.0) == 1
    assert grad(lambda x: grad(lambda y: y * y * x)(2.0))(3.0) == 4
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1  # not 2
    assert grad(lambda x: x * jvp(lambda y: x + y, 1.0, 1.0)[1])(1.0) == 1
    assert jvp(lambda x: x * jvp(lambda y: x + y, 1.0, 1.0)[1], 1.0, 1.0)[1] == 1
    third = grad(lambda x: grad(lambda y: grad(lambda z: x * y * z * x * y)(1.0))(2.0))
    assert third(3.0) == 24  # d/dx d/dy x^2 y^2 = 4 x y


def test_untracked_derivatives_inside_are_arrays() -> None:
    def f(x: Any) -> Any:
        constant = grad(lambda y: y * y)(3.0)
        assert is_array(constant)
        tracked = grad(lambda y: y * y * x)(3.0)
        assert isinstance(tracked, Tensor)
        free = grad(lambda y: y * y + x)(3.0)
        assert is_array(free)
        return tracked * constant + free

    assert grad(f)(1.0) == 36


def test_through_an_optimisation() -> None:
    def descended(rate: Any) -> Any:
        x = 1.0
        for _ in range(3):
            x = x - rate * grad(lambda x: x * x)(x)
        return x

    value, found = value_and_grad(descended)(0.1)  # (1 - 2 rate)^3
    np.testing.assert_allclose([value, found], [0.8**3, -6 * 0.8**2])


def test_mixed_nesting_of_all() -> None:
    """x^3 y^2 by every route to 6 x^2 y."""

    def f(x: Any, y: Any) -> Any:
        return x * x * x * y * y

    x, y = 2.0, 3.0
    routes = [
        grad(lambda y: grad(f)(x, y))(y),
        grad(lambda x: grad(f, 1)(x, y))(x),
        jvp(lambda y: grad(f)(x, y), y, 1.0)[1],
        grad(lambda y: jvp(lambda x: f(x, y), x, 1.0)[1])(y),
        jvp(lambda y: jvp(lambda x: f(x, y), x, 1.0)[1], y, 1.0)[1],
        grad(lambda y: vjp(lambda x: f(x, y), x)[1](1.0)[0])(y),
        vjp(lambda y: vjp(lambda x: f(x, y), x)[1](1.0)[0], y)[1](1.0)[0],
        hvp(f, (x, y), (0.0, 1.0))[0],
        hvp(f, (x, y), (1.0, 0.0))[1],
        hessian(f, (0, 1))(x, y)[0][1],
        jacobian(grad(f), 1)(x, y),
        jacobian(lambda y: jacobian(f)(x, y), mode="forward")(y),
        grad(lambda y: checkpoint(lambda y: grad(f)(x, y), y))(y),
        grad(lambda y: grad(lambda x: checkpoint(f, x, y))(x))(y),
    ]
    assert [float(route) for route in routes] == [72] * len(routes)
    assert all(map(is_array, routes))


def test_a_gradient_with_a_penalty_on_a_gradient() -> None:
    """backward() through functional derivatives reaches a module's leaves."""
    w, x = leaf(2.0), np.array([1.0, 3.0])
    slope = grad(lambda x: (x * x * w).sum())(x)  # 2 w x
    (slope * slope).sum().backward()
    assert w.grad.item() == 8 * 2 * 10


def test_a_pullback_whose_function_is_done_with() -> None:
    """Only what others track makes a result tracked; f's inputs are out of reach."""
    _, pullback = vjp(lambda x: tg.sin(x) * x, 2.0)
    assert is_array(grad(lambda g: pullback(g)[0])(1.0))
    v = leaf(1.0)
    (found,) = pullback(v)
    found.backward()
    np.testing.assert_allclose(v.grad.item(), 2 * np.cos(2) + np.sin(2))
    w = leaf(3.0)
    _, pullback = vjp(lambda x: x * x * w, 2.0)
    (found,) = pullback(v)
    gv, gw = tg.grad(found, [v, w])
    assert (gv.item(), gw.item()) == (12, 4)
    with no_grad():
        assert is_array(pullback(v)[0])
