"""Activations: special numbers, extremes without overflow, kinks each by its rule."""

import math
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor
from tests.tensorgrad.ops.special import (
    DTYPES,
    NUMBERS,
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

NAMES = [name for name in tg.ops.activations.__all__ if name != "gelu"]
SMOOTH = ["erf", "log_sigmoid", "sigmoid", "silu", "softplus"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers(name: str, dtype: str) -> None:
    check_values(name, dtype)
    check_slopes(name, dtype)


def elu2(x: Any) -> Any:
    return tg.elu(x, alpha=2.0)


@pytest.mark.parametrize("name", NAMES)
def test_elements_keep_their_places(name: str) -> None:
    check_square(getattr(tg, name), len(REGISTRY[name].inputs))


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (tg.relu, [[-1, -0.0, 0.0, 2, nan]], [[0, 0, 0, 1, 1]]),
        (tg.leaky_relu, [[-1, -0.0, 0.0, 2]], [[0.01, 0.01, 0.01, 1]]),
        (
            lambda x: tg.leaky_relu(x, negative_slope=-0.5),
            [[-1, 0, 2]],
            [[-0.5, -0.5, 1]],
        ),
        (lambda x: tg.leaky_relu(x, negative_slope=0.0), [[-1, 0, 2]], [[0, 0, 1]]),
        (tg.elu, [[-inf, -0.0, 0.0, 2]], [[0, 1, 1, 1]]),
        (elu2, [[-1, -0.0, 0.0, 2]], [[2 / math.e, 2, 2, 1]]),
        (lambda x: tg.elu(x, alpha=0.0), [[-1, 0, 2]], [[0, 0, 1]]),
    ],
)
def test_kinks(function: Any, values: Any, expected: Any) -> None:
    check_kinks(function, values, expected)


def test_second_derivatives_at_kinks_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    x = np.array([-1.0, 0.0, 1.0])
    for name, settings in [
        ("relu", {}),
        ("leaky_relu", {"negative_slope": 0.1}),
        ("elu", {"alpha": 2.0}),
    ]:
        (leaf,) = tracked_in_torch([x])
        out = (torchs(name)(leaf, **settings) * leaf).sum()
        (slope,) = torch.autograd.grad(out, leaf, create_graph=True)
        (expected,) = torch.autograd.grad(slope.sum(), leaf)

        def function(x: Any, name: str = name, settings: Any = settings) -> Any:
            return getattr(tg, name)(x, **settings) * x

        np.testing.assert_allclose(nth(function, 2, x)[0], expected.numpy())


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes_without_a_warning(name: str, dtype: str) -> None:
    finite = [x for x in NUMBERS if abs(x) <= 1000.0] + [-1000.0, 1000.0]
    for order in range(4):
        x = Tensor(np.array(finite, dtype), requires_grad=True)
        y = getattr(tg, name)(x)
        for _ in range(order):
            y = tg.grad(y.sum(), x, create_graph=True)
        assert np.isfinite(y.data).all()
        assert y.dtype == dtype


def test_asymptotes() -> None:
    x = [-1000.0, 1000.0]
    for name, values, slopes in [
        ("sigmoid", [0, 1], [0, 0]),
        ("log_sigmoid", [-1000, 0], [1, 0]),
        ("softplus", [0, 1000], [0, 1]),
        ("silu", [0, 1000], [0, 1]),
        ("elu", [-1, 1000], [0, 1]),
        ("relu", [0, 1000], [0, 1]),
        ("leaky_relu", [-10, 1000], [0.01, 1]),
    ]:
        assert nth(getattr(tg, name), 0, x) == [values]
        assert nth(getattr(tg, name), 1, x) == [slopes]


def test_digits_that_a_naive_formula_loses() -> None:
    x = np.array([-700.0, -40.0])  # where 1 + e^x is 1
    np.testing.assert_allclose(tg.softplus(x), np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(tg.log_sigmoid(-x), -np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(nth(tg.softplus, 1, x)[0], np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(nth(tg.log_sigmoid, 1, -x)[0], np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(tg.elu(np.array([-1e-12])), [-1e-12], rtol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slopes_of_softplus_and_log_sigmoid_keep_their_digits(dtype: str) -> None:
    """1 - e^-softplus(x): neither rounded to 0 on one side nor NaN on the other."""
    x = np.array([-inf, -87, -30, -1, 0, 1, 30, 1000, inf], dtype)
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-x.astype("g")))
    for function, at in ((tg.softplus, x), (tg.log_sigmoid, -x)):
        leaf = Tensor(at, requires_grad=True)
        found = tg.grad(function(leaf).sum(), leaf)
        np.testing.assert_allclose(found.data, exact, rtol=5 * np.finfo(dtype).eps)


def test_unsigned_integers() -> None:
    x = np.array([0, 1, 200], "uint8")
    for name in ("elu", "leaky_relu", "log_sigmoid", "sigmoid", "silu", "softplus"):
        found, expected = (getattr(tg, name)(values) for values in (x, x + 0.0))
        # int8 and smaller become float16 in NumPy's functions
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_relations() -> None:
    x = np.linspace(-5, 5, 21)
    np.testing.assert_allclose(tg.softplus(x) - tg.softplus(-x), x, atol=1e-14)
    np.testing.assert_allclose(tg.log_sigmoid(x), -tg.softplus(-x))
    np.testing.assert_allclose(tg.silu(x) - tg.silu(-x), x, atol=1e-14)
    np.testing.assert_allclose(tg.softplus(x), tg.logaddexp(x, 0.0))
