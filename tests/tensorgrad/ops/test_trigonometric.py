"""Trigonometric and hyperbolic functions: special numbers, precision, kinks."""

import math
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor
from tensorgrad.errors import ConfigError
from tests.tensorgrad.ops.special import (
    DTYPES,
    check_integers,
    check_kinks,
    check_slopes,
    check_square,
    check_values,
    inf,
    nan,
    nth,
    torchs,
    tracked_in_torch,
)

NAMES = tg.ops.trigonometric.__all__


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers(name: str, dtype: str) -> None:
    check_values(name, dtype)
    if name != "sinc":  # at 1e30 an angle has no digits
        # below 1 arccosh is NaN, and so its slope; PyTorch's is a number there
        check_slopes(name, dtype, (lambda x: x < 1) if name == "arccosh" else None)


@pytest.mark.parametrize("name", NAMES)
def test_integers(name: str) -> None:
    with np.errstate(all="ignore"):
        check_integers(name)


@pytest.mark.parametrize("name", NAMES)
def test_elements_keep_their_places(name: str) -> None:
    check_square(
        getattr(tg, name), len(REGISTRY[name].inputs), 1.0 if name == "arccosh" else 0.0
    )


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (tg.arcsin, [[-1, 0, 1, 2]], [[inf, 1, inf, nan]]),
        (tg.arccos, [[-1, 0, 1, 2]], [[-inf, -1, -inf, nan]]),
        (tg.arccosh, [[-2, 0, 1, math.sqrt(2)]], [[nan, nan, inf, 1]]),
        (tg.arctanh, [[-1, 0, 1]], [[inf, 1, inf]]),
        (tg.arctan2, [[0.0, -0.0, 0.0], [0.0, 0.0, -0.0]], [[0, 0, 0], [0, 0, 0]]),
        # the four half axes; on the negative x axis the angle jumps
        (
            tg.arctan2,
            [[0, 2, 0, -2], [2, 0, -2, 0]],
            [[0.5, 0, -0.5, 0], [0, -0.5, 0, 0.5]],
        ),
        (tg.arctan2, [-0.0, -2], [-0.5, 0]),
        (tg.sinc, [[0.0, -0.0, 1, -1]], [[0, 0, -1, 1]]),
    ],
)
def test_kinks(function: Any, values: Any, expected: Any) -> None:
    check_kinks(function, values, expected)


def test_at_the_origin_every_derivative_of_arctan2_is_0() -> None:
    for n in (1, 2, 3):
        assert nth(tg.arctan2, n, 0.0, 0.0)[0] == 0


def test_digits_that_a_naive_formula_loses() -> None:
    gap = 2.0**-40
    for op, sign in ((tg.arcsin, 1), (tg.arccos, -1)):
        for x in (1 - gap, gap - 1):
            (found,) = nth(op, 1, x)
            np.testing.assert_allclose(found, sign / math.sqrt(gap * (2 - gap)), 1e-15)
    (found,) = nth(tg.arccosh, 1, 1 + gap)
    np.testing.assert_allclose(found, (gap * (2 + gap)) ** -0.5, 1e-15)
    for x in (1 - gap, gap - 1):
        (found,) = nth(tg.arctanh, 1, x)
        np.testing.assert_allclose(found, 1 / (gap * (2 - gap)), 1e-15)


def test_angles_are_converted_to_the_last_digit() -> None:
    for op, factor in ((tg.deg2rad, math.pi / 180), (tg.rad2deg, 180 / math.pi)):
        np.testing.assert_allclose(nth(op, 1, [5.0])[0], [factor], rtol=1e-15)


def test_what_would_overflow_if_squared() -> None:
    for op in (tg.arcsinh, tg.arccosh):
        np.testing.assert_allclose(nth(op, 1, 1e200), 1e-200)
    np.testing.assert_allclose(
        nth(tg.arctan2, 1, 3e200, 4e200), [0.16e-200, -0.12e-200]
    )
    np.testing.assert_allclose(
        nth(tg.arctan2, 1, 3e-200, 4e-200), [0.16e200, -0.12e200]
    )


# --- sinc

ORDERS = range(7)


def sincs(x: Any, order: int) -> Any:
    """d^n/dx^n of the integral of cos(pi x t) over t from 0 to 1, by Gauss's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    u = math.pi * (nodes + 1) / 2
    angles = np.asarray(x)[..., None] * u
    wave, sign = ((np.cos, 1), (np.sin, -1), (np.cos, -1), (np.sin, 1))[order % 4]
    return (sign * wave(angles) * u**order) @ (weights / 2)


@pytest.mark.parametrize("order", ORDERS)
def test_derivatives_of_sinc_from_near_0_to_far(order: int) -> None:
    x = np.concatenate([np.linspace(-6, 6, 1201), np.logspace(-12, 0, 100)])
    expected, scale = sincs(x, order), math.pi**order
    np.testing.assert_allclose(tg.sinc(x, order=order), expected, atol=2e-14 * scale)
    x = x.astype("float32")
    found = tg.sinc(x, order=order)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, sincs(x, order), rtol=1e-4, atol=2e-6 * scale)


@pytest.mark.parametrize("order", ORDERS)
def test_derivatives_of_sinc_keep_their_digits_near_0(order: int) -> None:
    x = np.array([-1e-3, -1e-8, 1e-12, 1e-5, 1e-2])
    found = tg.sinc(x, order=order)
    np.testing.assert_allclose(found, sincs(x, order), rtol=3e-14)


def test_derivatives_of_sinc_by_differentiating() -> None:
    for n in range(6):
        expected = math.pi**n * math.cos(n * math.pi / 2) / (n + 1)
        np.testing.assert_allclose(nth(tg.sinc, n, 0.0), expected, atol=1e-12)
        x = [-2.5, -1e-6, 0.3, 1.7]
        np.testing.assert_allclose(nth(tg.sinc, n, x)[0], sincs(x, n), rtol=1e-11)


def test_sinc_far_out() -> None:
    x = np.array([1e3 + 0.25, -1e6 - 0.25, 1e8 + 0.5])
    u = math.pi * x
    slope = math.pi * (np.cos(u) - np.sin(u) / u) / u
    np.testing.assert_allclose(tg.sinc(x, order=1), slope, rtol=1e-14)


def test_slopes_of_sinc_as_pytorch_has_them() -> None:
    x = np.linspace(0.2, 4.0, 50)
    (leaf,) = tracked_in_torch([x])
    torchs("sinc")(leaf, order=0).sum().backward()
    np.testing.assert_allclose(nth(tg.sinc, 1, x)[0], leaf.grad.numpy(), rtol=1e-11)


@pytest.mark.parametrize("order", [-1, 0.5, "1", True, None])
def test_an_order_that_is_no_number_of_derivatives(order: Any) -> None:
    for x in (np.ones(2), Tensor([1.0])):
        with pytest.raises(ConfigError, match="order"):
            tg.sinc(x, order=order)
