"""What gradcheck says at an edge: of a domain, of its time, of what can be told."""

import itertools
import re
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.op import Op
from tensorgrad.testing import Constant, GradientError, assert_gradients, gradcheck
from tensorgrad.testing.evidence import alike
from tensorgrad.testing.problem import names_of

VECTOR = np.random.default_rng(0).normal(size=4)


def complaint(f: Any, *inputs: Any, **options: Any) -> str:
    """What gradcheck has to say."""
    with pytest.raises(GradientError) as caught:
        gradcheck(f, *inputs, **options)
    return str(caught.value)


def raw(x: Any) -> Any:
    return getattr(x, "_data", x)


# --- of a domain


def test_a_slope_that_is_nan_on_one_side_is_an_edge() -> None:
    found = complaint(lambda x: x**1.5 + x, np.array([0.0]))
    assert "an edge of the domain: the slope is nan before" in found


def test_a_function_that_refuses_what_is_nearby_is_checked_where_it_is(op: Any) -> None:
    def positive(x: Any) -> Any:
        if (x < 0).any():
            raise ValueError("below zero")
        return np.sqrt(x)

    root = op(positive, x=lambda g, out: g * 0.5 / out)
    assert_gradients(root, np.array([0.5, 9.0, 8.0]), order=2)


# --- of its time


@pytest.mark.parametrize("method", ["central", "complex"])
@pytest.mark.parametrize("value", [np.nan, 7.0])
def test_the_worst_element_of_a_large_input(op: Any, value: float, method: str) -> None:
    def formula(g: Any, x: Any) -> Any:
        gx = g * 2 * raw(x)
        gx[12, 345] = value
        return gx

    x = np.random.default_rng(1).normal(size=(300, 400))
    wrong = op(lambda x: x * x, x=formula)
    assert "at index (12, 345): analytic" in complaint(wrong, x, method=method)


def test_a_cause_that_needs_a_large_jacobian_is_not_looked_for(op: Any) -> None:
    def without_g(g: Any, x: Any, y: Any) -> Any:
        return (tg.cos(x)[:, None] * y + 0.0 * g).sum(1)

    wrong = op(lambda x, y: np.sin(x)[:, None] * y, x=without_g, y=None)
    for columns, cause in ((3, "Is a `g *` missing?"), (50_000, "no common one")):
        y = np.random.default_rng(0).normal(size=columns).view(Constant)
        found = complaint(wrong, np.linspace(0.1, 1.0, 6), y, layouts=False)
        assert cause in found


def test_nor_is_the_gradient_of_another_large_input(op: Any) -> None:
    product = op(lambda x, y: x * y, x=lambda g, x: g * x, y=lambda g, y: g * y)
    for size, cause in ((4, "the formulas are exchanged"), (300, "no common one")):
        x, y = np.random.default_rng(0).normal(size=(2, size))
        assert f"likely cause: {cause}" in complaint(product, x, y)


# --- of what can be told


def test_outputs_of_different_shapes_are_not_called_mixed_up(op: Any) -> None:
    def both(x: Any) -> Any:
        return np.sin(x), np.cos(x[:2])

    def formula(g: Any, x: Any) -> Any:
        second = raw(g[1]) * np.sin(raw(x)[:2])
        return g[0] * tg.cos(x) - np.array([*second, 0, 0]) ** 2

    assert "likely cause: no common one" in complaint(op(both, x=formula), VECTOR)


def test_a_small_error_is_called_one_and_not_taken_for_a_mistake_of_form(
    op: Any,
) -> None:
    def slope(uneven: Any) -> Any:
        return op(lambda x: np.sin(x), x=lambda g, x: g * tg.cos(x) * (1 + uneven))

    signs = 3e-5 * np.array([1, -1, 1, -1])
    assert "likely cause: a small error" in complaint(slope(signs), VECTOR)
    assert "every element is 1.00003 times" in complaint(slope(3e-5), VECTOR)
    assert "small" not in complaint(slope(100 * signs), VECTOR)


def test_arrays_are_alike_to_what_differences_can_tell() -> None:
    assert alike([1.0, 0.0], [1 + 1e-5, 1e-8])
    assert not alike([1.0, 0.0], [1.001, 0.0])
    assert not alike([0.0, 0.0], [0.0, 0.0])  # which says nothing
    assert not alike([np.nan], [np.nan])
    assert not alike([1.0], [[1.0]])


def test_the_call_shows_settings_and_what_is_empty_or_large(op: Any) -> None:
    wrong = op(
        lambda x, y, z: (x * y).sum() + z.sum(),
        x=lambda g, y, x_shape: 2 * g * y * tg.ones(x_shape),
        y=None,
        z=lambda g, z: g * tg.ones_like(z),
    )
    found = complaint(lambda x, z, y: wrong(x, y, z), VECTOR, np.zeros((0, 2)), 3)
    assert "\n    y = 3" in found
    (z,) = re.findall(r"^    z = (.*)$", found, re.MULTILINE)
    assert eval(z, {"np": np}).shape == (0, 2)
    found = complaint(lambda x, z: wrong(x, 3, z), np.ones(300), VECTOR)
    assert "\n    x = <float64 of shape (300,)>" in found


def test_what_does_not_name_its_inputs_has_them_numbered() -> None:
    assert names_of(max, 2) == ["x0", "x1"]
    assert names_of(lambda a, *rest: a, 3) == ["a", "x1", "x2"]


# --- a backward pass that fails


def test_a_failure_that_does_not_come_again_names_no_input(op: Any) -> None:
    calls = itertools.count()

    def fails_once(g: Any) -> Any:
        if next(calls) == 0:
            raise RuntimeError("once")
        return 2.0 * g

    found = complaint(op(lambda x: 2 * x, x=fails_once), VECTOR)
    assert "the backward pass of mine fails: RuntimeError: once" in found


def test_what_a_check_inside_has_found_is_passed_on(op: Any) -> None:
    def formula(g: Any) -> Any:
        raise GradientError("from inside")

    assert complaint(op(lambda x: 2 * x, x=formula), VECTOR) == "from inside"


@pytest.mark.parametrize("change", [lambda g: g.astype("f4"), lambda g: g[:1]])
def test_a_gradient_of_another_kind_than_its_input(
    op: Any, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    """Were the engine to pass on what a formula returns as it is."""
    monkeypatch.setattr(Op, "_fit", lambda self, gx, parent: gx)
    found = complaint(op(lambda x: 2 * x, x=lambda g: change(2 * g)), VECTOR)
    assert "the gradient of mine for input 0 (x) is" in found
    assert "the input is float64 of shape (4,)" in found


def test_a_kernel_that_refuses_strided_arrays_says_so_itself(op: Any) -> None:
    def contiguous(x: Any) -> Any:
        if not x.flags.c_contiguous:
            raise ValueError("only contiguous arrays")
        return 2 * x

    picky = op(contiguous, x=lambda g: 2 * g)
    assert_gradients(picky, VECTOR, layouts=False)
    with pytest.raises(ValueError, match="only contiguous arrays"):
        gradcheck(picky, VECTOR)
