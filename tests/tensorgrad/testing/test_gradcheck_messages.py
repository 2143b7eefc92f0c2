"""What gradcheck says of the mistakes that authors of ops make, and of none else."""

import re
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.errors import ConfigError
from tensorgrad.testing import Constant, GradientError, assert_gradients, gradcheck

RNG = np.random.default_rng(0)
VECTOR, OTHER = RNG.normal(size=(2, 4))
MATRIX, SQUARE = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 3))


def complaint(f: Any, *inputs: Any, **options: Any) -> str:
    """What gradcheck has to say."""
    with pytest.raises(GradientError) as caught:
        gradcheck(f, *inputs, **options)
    return str(caught.value)


def raw(x: Any) -> Any:
    return getattr(x, "_data", x)


# --- large and small numbers


@pytest.mark.parametrize("scale", [1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9])
def test_inputs_and_outputs_of_any_size(op: Any, scale: float) -> None:
    x = scale * (0.5 + np.abs(VECTOR))
    assert_gradients(tg.log, x, order=3)
    assert_gradients(tg.sin, x)
    assert_gradients(lambda x: scale * tg.sin(x) * x, VECTOR, order=3)
    log = op(lambda x: np.log(x), x=lambda g, x: 1.01 * g / x)
    assert "1.01 times" in complaint(log, x)
    sine = op(lambda x: scale * np.sin(x), x=lambda g, x: g * scale * 2 * tg.cos(x))
    assert "2 times" in complaint(sine, VECTOR)


def test_elements_of_all_sizes_in_one_array(op: Any) -> None:
    x, last = np.array([1e-6, 1.0, 1e6]), np.array([1.0, 1.0, 1.5])
    assert_gradients(tg.log, x)
    wrong = op(lambda x: np.log(x), x=lambda g, x: g / x * last)
    found = complaint(wrong, x)
    assert "at index (2,): analytic 1.5e-06, numeric 1e-06" in found
    assert "factor" not in found


def test_a_small_gradient_beside_a_large_one(op: Any) -> None:
    wrong = op(
        lambda x, y: 1e6 * x * x + 1e-3 * np.sin(y),
        x=lambda g, x: 2e6 * g * x,
        y=lambda g, y: 2e-3 * g * tg.cos(y),
    )
    assert "with respect to input 1 (y)" in complaint(wrong, VECTOR, OTHER)
    tiny = op(lambda x: 1e-8 * np.cos(x), x=lambda g, x: 1e-8 * g * tg.sin(x))
    found = complaint(lambda x: (1e8 * tg.sin(x), tiny(x)), VECTOR)
    assert "d out[1]" in found


@pytest.mark.parametrize("factor", [2, 1.001])
def test_one_wrong_element_of_a_large_input(op: Any, factor: float) -> None:
    def formula(g: Any, x: Any) -> Any:
        gx = g * 2 * raw(x)
        gx[12, 345] *= factor
        return gx

    x = np.random.default_rng(1).normal(size=(300, 400))
    found = complaint(op(lambda x: x * x, x=formula), x)
    assert "at index (12, 345)" in found
    assert "1 of 6 elements differ" in found
    mean = op(lambda x: (x * x).mean(), x=lambda g, x: formula(g, x) / x.size)
    assert "at index (12, 345)" in complaint(mean, x)


@pytest.mark.parametrize("smallest", [1e-3, 1e-5, 1e-7, 1e-9])
def test_no_false_alarm_near_a_pole(smallest: float) -> None:
    u, _, v = np.linalg.svd(RNG.normal(size=(4, 4)))
    x = u @ np.diag([1, 0.7, 0.5, smallest]) @ v
    assert_gradients(tg.inv, x)
    assert_gradients(lambda x: tg.slogdet(x)[1], x)
    assert_gradients(lambda x: tg.solve(x, VECTOR), x)


def test_no_false_alarm_beside_a_kink() -> None:
    x = np.array([1e-3, 1e-5, -1e-6, 1e-7, 2.0])
    assert_gradients(tg.absolute, x)
    assert_gradients(tg.relu, x)
    assert_gradients(lambda x: 1 / x, x, order=3)
    assert_gradients(lambda x, w: tg.relu(x @ w), SQUARE, MATRIX)


def test_no_false_alarm_where_rounding_is_all_there_is() -> None:
    assert_gradients(lambda x: tg.softmax(x).sum(), VECTOR, order=3)
    assert_gradients(tg.softmax, 100 * VECTOR, order=3)
    assert_gradients(tg.det, np.outer(SQUARE[0], SQUARE[1]), order=3)
    assert_gradients(lambda x: tg.var(x), 1e6 + VECTOR)
    assert_gradients(lambda x: x * 0 + 1.0, VECTOR, order=3)
    assert_gradients(tg.sin, np.array([1e12, 2e12]))  # whose digits say nothing


def test_an_infinite_gradient_is_not_within_any_tolerance(op: Any) -> None:
    wrong = op(
        lambda x: np.where(x > 0, x * np.log(np.where(x > 0, x, 1)), 0),
        x=lambda g, x: g * (tg.log(x) + 1),
    )
    assert "analytic -inf" in complaint(wrong, np.array([0.0, 0.5, 1.0]))


# --- which partial derivative


def test_it_says_which_partial_derivative(op: Any) -> None:
    wrong = op(lambda x: x**3, x=lambda g, x: g * x * x)
    found = complaint(wrong, np.array([2.0, 3.0]))
    assert re.search(r"analytic (4|9), numeric (12|27)  \(d out\[(0|1)\] / d x", found)
    constant = op(lambda x: x**3, x=lambda g, x: 3.0 * g * raw(x) ** 2)
    found = complaint(constant, np.array([2.0, 3.0]), order=2)
    assert "analytic 0, numeric 12  (d2 out[0] / d x[0] d x[0])" in found


def test_the_call_that_shows_it_again(op: Any) -> None:
    wrong = op(lambda x, y: x * y, x=lambda g, y: g * raw(y), y=lambda g, x: g * x)
    found = complaint(wrong, VECTOR, OTHER, order=3, tolerance=1e-5)
    assert (
        "again: gradcheck(mine, x, y, order=3, tolerance=1e-05, seed=0) with" in found
    )
    x, y = re.findall(r"^    [xy] = (.*)$", found, re.MULTILINE)
    assert np.array_equal(eval(x, {"np": np}), VECTOR)
    assert np.array_equal(eval(y, {"np": np}), OTHER)


# --- causes


def test_a_g_that_is_taken_out_of_the_graph(op: Any) -> None:
    wrong = op(lambda x: x**3, x=lambda g, x: raw(g) * 3.0 * x * x)
    assert gradcheck(wrong, VECTOR)
    assert "g is cut off from the graph" in complaint(wrong, VECTOR, order=2)


def test_a_gradient_of_the_wrong_shape_names_input_and_formula(op: Any) -> None:
    wrong = op(lambda x, y: x * y, x=lambda g, y: g * y, y=lambda g, x: g * x)
    found = complaint(wrong, MATRIX, VECTOR)
    assert "the backward pass of mine fails for input 1 (y): ShapeError" in found
    assert "broadcasts=True" in found
    assert f"formula: {__file__}:" in found


@pytest.mark.parametrize("returned", [None, 1.0, [1.0] * 4])
def test_a_formula_that_returns_no_array(op: Any, returned: Any) -> None:
    wrong = op(lambda x: np.sin(x), x=lambda g: returned)
    assert "not an array or a Tensor" in complaint(wrong, VECTOR)


def test_a_formula_that_fails(op: Any) -> None:
    wrong = op(lambda x: np.sin(x), x=lambda g: g * np.ones(7))
    report = gradcheck(wrong, VECTOR, raise_exception=False)
    assert "ValueError: operands could not be broadcast" in str(report)


def test_a_derivative_that_was_declined(op: Any) -> None:
    one = op(lambda x: np.sin(x), x=None)
    assert "mine.gradient(x=None) declares" in complaint(one, VECTOR)
    two = op(lambda x, y: x * y, x=lambda g, y: g * y, y=None)
    assert "pass it as testing.Constant" in complaint(two, VECTOR, OTHER)
    assert_gradients(two, VECTOR, OTHER.view(Constant))


def test_a_scatter_that_overwrites(op: Any) -> None:
    def formula(g: Any, x_shape: Any) -> Any:
        gx = np.zeros(x_shape)
        gx[[0, 2, 2, 1, 0]] = raw(g)
        return gx

    wrong = op(lambda x: x[[0, 2, 2, 1, 0]], x=formula)
    assert "`=` for `+=`" in complaint(wrong, VECTOR)
    assert "`=` for `+=`" in complaint(wrong, MATRIX)


def test_one_of_several_outputs(op: Any) -> None:
    def both(x: Any) -> Any:
        return np.sin(x), np.cos(x)

    formulas = {
        "output 1: its part of the gradient is minus": lambda g, x: (
            g[0] * tg.cos(x) + g[1] * tg.sin(x)
        ),
        r"output 1: its gradient, g\[1\], is not used": lambda g, x: g[0] * tg.cos(x),
        r"g\[0\] stands for g\[1\]": lambda g, x: g[1] * tg.cos(x) - g[0] * tg.sin(x),
    }
    for cause, formula in formulas.items():
        found = complaint(op(both, x=formula), VECTOR)
        assert re.search(cause, found), found
        assert "d out[" in found


def test_formulas_exchanged_where_one_input_was_broadcast(op: Any) -> None:
    wrong = op(
        lambda x, y: x * y,
        broadcasts=True,
        x=lambda g, x: g * x,
        y=lambda g, y: g * y,
    )
    assert "exchanged" in complaint(wrong, MATRIX, VECTOR)


def test_a_transpose_missing_inside(op: Any) -> None:
    wrong = op(lambda x, y: x @ y, x=lambda g, y: g @ y, y=lambda g, x: x.mT @ g)
    found = complaint(wrong, SQUARE, SQUARE + np.arange(9).reshape(3, 3))
    assert "right for input 1 transposed" in found


def test_g_in_the_wrong_places_is_not_called_missing(op: Any) -> None:
    rows = op(lambda x: (x * x).sum(1), x=lambda g, x: g * 2 * x)
    assert "an axis that a reduction dropped" in complaint(rows, SQUARE)
    missing = op(lambda x: x * x, x=lambda g, x: 2 * x + tg.zeros_like(g))
    assert "Is a `g *` missing?" in complaint(missing, VECTOR)


def test_a_function_that_is_flat(op: Any) -> None:
    wrong = op(lambda x: np.floor(x), x=lambda g: g)
    assert "flat here" in complaint(wrong, np.array([0.3, 1.6]))


# --- what a formula may not do


def test_a_formula_that_writes_to_g(op: Any) -> None:
    def formula(g: Any) -> Any:
        g *= 2
        return g

    assert "wrote to g" in complaint(op(lambda x: 2 * x, x=formula), VECTOR)


def test_a_forward_that_writes_to_its_input_is_not_called_random(op: Any) -> None:
    def forward(x: Any) -> Any:
        x += 1
        return x * 2

    found = complaint(op(forward, x=lambda g: 2 * g), VECTOR)
    assert "mine wrote to input 0 (x)" in found


def test_a_derivative_of_float32_where_all_else_is_float64(op: Any) -> None:
    wrong = op(lambda x: np.sin(x), x=lambda g, x: (g * tg.cos(x)).astype("float32"))
    assert "the precision of float32" in complaint(wrong, VECTOR)


# --- what it is given


def test_a_numpy_number_is_differentiated(op: Any) -> None:
    wrong = op(
        lambda x, y: x * y,
        broadcasts=True,
        x=lambda g, y: g * y,
        y=lambda g, x: 2 * g * x,
    )
    assert "input 1 (y)" in complaint(wrong, VECTOR, np.float64(3.0))


def test_a_list_of_arrays_is_refused_rather_than_skipped() -> None:
    with pytest.raises(ConfigError, match="one by one"):
        gradcheck(lambda xs, y: tg.concatenate([*xs, y]), [VECTOR], OTHER)


def test_the_complex_step_of_what_is_not_analytic() -> None:
    assert "not analytic" in complaint(tg.absolute, -np.abs(VECTOR), method="complex")
