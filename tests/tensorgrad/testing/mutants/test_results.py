"""Faults in what a formula returns: each wrong where it says, and nowhere else."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY
from tensorgrad.testing.mutants.results import in_results
from tests.tensorgrad.checks import slopes

RNG = np.random.default_rng(0)
MATRIX, SQUARE, VECTOR = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 3)), np.ones(3)


def with_fault(
    name: str, input: str, fault: str, function: Any, inputs: Any
) -> list[np.ndarray]:
    """The gradients under that one mutant."""
    (mutant,) = [
        m for m in in_results(REGISTRY[name]) if (m.input, m.fault) == (input, fault)
    ]
    with mutant.planted():
        return slopes(function, inputs)


def concatenated(*xs: Any) -> Any:
    return tg.concatenate(xs)


@pytest.mark.parametrize(
    ("name", "function", "slots", "inputs"),
    [
        ("divide", tg.divide, {"x": 0, "y": 1}, [MATRIX, MATRIX + 1]),
        # one formula gives the gradients of all
        (
            "layer_norm",
            tg.layer_norm,
            {"x": 0, "weight": 1, "bias": 2},
            [MATRIX, VECTOR + 1, VECTOR],
        ),
        # of any number of inputs, the first and the last
        ("concatenate", concatenated, {"xs[0]": 0, "xs[-1]": 2}, [VECTOR] * 3),
    ],
)
def test_a_fault_in_one_gradient_leaves_the_others_right(
    name: str, function: Any, slots: dict[str, int], inputs: Any
) -> None:
    right = slopes(function, inputs)
    for slot, i in slots.items():
        for fault, factor in (("sign", -1), ("factor 2", 2), ("zero", 0)):
            found = with_fault(name, slot, fault, function, inputs)
            for j, (one, other) in enumerate(zip(found, right, strict=True)):
                np.testing.assert_array_equal(one, other * (factor if i == j else 1))


def test_a_gradient_that_nobody_needs_has_no_fault() -> None:
    def normed(x: Any) -> Any:
        return tg.layer_norm(x, None, None)

    right = slopes(normed, [MATRIX])
    for slot in ("weight", "bias"):
        found = with_fault("layer_norm", slot, "sign", normed, [MATRIX])
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("y", [VECTOR, np.ones((2, 1)), np.ones(())])
def test_a_sum_that_is_missing_leaves_the_first_of_its_terms(y: np.ndarray) -> None:
    whole = slopes(tg.divide, [MATRIX, np.ones((2, 3))])
    found = with_fault("divide", "y", "not summed", tg.divide, [MATRIX, y])
    np.testing.assert_array_equal(found[0], whole[0])
    first = whole[1][tuple(slice(n) for n in (1, 1, *y.shape)[-2:])]
    np.testing.assert_array_equal(found[1], first.reshape(y.shape))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3)])
def test_where_nothing_is_summed_a_missing_sum_is_no_fault(shape: Any) -> None:
    inputs = [np.ones(shape), VECTOR]
    found = with_fault("divide", "y", "not summed", tg.divide, inputs)
    assert found[0].shape == shape
    np.testing.assert_array_equal(found[1], np.zeros(3))


def test_a_gradient_shifted_or_transposed_has_the_shape_that_it_had() -> None:
    right, of_vector = slopes(tg.sin, [SQUARE])[0], slopes(tg.sin, [VECTOR])[0]
    found = with_fault("sin", "x", "transposed", tg.sin, [SQUARE])
    np.testing.assert_array_equal(found[0], right.T)
    found = with_fault("sin", "x", "transposed", tg.sin, [VECTOR])
    np.testing.assert_array_equal(found[0], of_vector)
    fault = "off by one along the last axis"
    found = with_fault("sin", "x", fault, tg.sin, [SQUARE])
    np.testing.assert_array_equal(found[0], np.roll(right, 1, axis=-1))
    number = np.asarray(2.0)
    found = with_fault("sin", "x", fault, tg.sin, [number])
    np.testing.assert_array_equal(found, slopes(tg.sin, [number]))


def test_a_formula_of_zeros_has_the_one_fault_that_would_show() -> None:
    assert [m.fault for m in in_results(REGISTRY["sign"])] == [
        "all factors but g dropped"
    ]


def test_an_output_that_is_ignored_sends_no_gradient() -> None:
    x = SQUARE + SQUARE.T
    ignored = [m for m in in_results(REGISTRY["eigh"]) if m.fault == "output ignored"]
    for i, mutant in enumerate(ignored):
        for k in range(2):

            def one(x: Any, k: int = k) -> Any:
                return tg.eigh(x)[k] ** 2

            (right,) = slopes(one, [x])
            with mutant.planted():
                (found,) = slopes(one, [x])
            # for an output that nobody used, the formula is given None
            np.testing.assert_allclose(found, right * (i != k), 0, 1e-14)


@pytest.mark.parametrize(
    ("name", "several"),
    [("eigh", True), ("unstack", True), ("multiply", False), ("softmax", False)],
)
def test_one_output_alone_cannot_be_ignored(name: str, several: bool) -> None:
    faults = [m.fault for m in in_results(REGISTRY[name])]
    assert ("output ignored" in faults) == several


def test_several_outputs_are_seen_in_what_a_forward_returns(op: Any) -> None:
    def both(x: Any) -> Any:
        return np.sin(x), np.cos(x)

    forwards = [both, lambda x: (np.sin(x), np.cos(x)), lambda x: tuple(np.stack(x))]
    for forward in forwards:
        made = op(forward, x=lambda g, x: g[0] * x)
        assert "output ignored" in [m.fault for m in in_results(made.op)]
    made = op(lambda x: np.sin(x), x=lambda g, x: g * tg.cos(x))
    assert "output ignored" not in [m.fault for m in in_results(made.op)]


def test_a_formula_that_asks_for_a_shape_itself_is_given_it_still(op: Any) -> None:
    product = op(
        lambda x, y: x * y,
        broadcasts=True,
        x=lambda g, y, x_shape: g * y * (1 + len(x_shape)),
        y=lambda g, x: g * x,
    )
    (whole, _), inputs = slopes(product, [MATRIX, MATRIX]), [VECTOR, MATRIX]
    found = with_fault("mine", "x", "not summed", product, inputs)
    np.testing.assert_allclose(found[0] / 2, whole[0] / 3)
