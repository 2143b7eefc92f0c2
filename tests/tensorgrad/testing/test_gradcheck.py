"""gradcheck passes what is right, and says what is wrong with what is not."""

import re
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor
from tensorgrad.errors import DtypeError
from tensorgrad.testing import Constant, GradientError, assert_gradients, gradcheck

RNG = np.random.default_rng(0)
VECTOR, MATRIX, SQUARE = (RNG.normal(size=s) for s in ((4,), (2, 3), (3, 3)))


def complaint(f: Any, *inputs: Any, **options: Any) -> str:
    """What gradcheck has to say."""
    with pytest.raises(GradientError) as caught:
        gradcheck(f, *inputs, **options)
    return str(caught.value)


# --- what is right passes


@pytest.mark.parametrize("order", [1, 2, 3])
def test_right_derivatives_pass(order: int) -> None:
    report = gradcheck(lambda x, y: tg.tanh(x @ y) * y, SQUARE, SQUARE.T, order=order)
    assert report
    assert "right" in str(report)


def test_several_outputs_settings_and_inputs_of_every_kind() -> None:
    tokens, mask = np.array([1, 0]), np.array([0.5, 2.0, 1.0]).view(Constant)

    def f(table: Any, tokens: Any, mask: Any, weight: Any, power: int) -> Any:
        rows = tg.embedding(table, tokens)
        return rows * mask * weight, tokens, (rows**power).sum()

    leaf = Tensor(np.ones(3), requires_grad=True)
    assert_gradients(f, MATRIX, tokens, mask, leaf, 3, order=2)
    assert leaf.grad is None


def test_it_works_under_no_grad_and_leaves_the_inputs_alone() -> None:
    x = MATRIX.copy()
    with tg.no_grad():
        assert_gradients(tg.exp, x)
    assert np.array_equal(x, MATRIX)


def test_an_output_that_depends_on_nothing_has_zero_derivatives() -> None:
    assert_gradients(lambda x, y: x * 2.0, VECTOR, VECTOR, order=3)
    assert_gradients(lambda x: Tensor(np.ones(2)), VECTOR, order=2)


@pytest.mark.parametrize("scale", [1e-4, 1e4, 1e8])
def test_inputs_of_any_size(scale: float) -> None:
    assert_gradients(tg.log, scale * (1 + VECTOR**2))
    assert_gradients(lambda x: x * x, scale * VECTOR)


def test_the_complex_step_is_exact() -> None:
    assert_gradients(
        lambda x: tg.exp(tg.sin(x)) / x, VECTOR, method="complex", tolerance=1e-13
    )
    with pytest.raises(DtypeError, match="central"):
        gradcheck(lambda x: tg.erf(x), VECTOR, method="complex")


def test_a_large_input_is_checked_by_a_sample() -> None:
    assert_gradients(tg.sin, np.linspace(-2, 2, 5000))


# --- what is wrong does not, and the message says why

WRONG = {
    "the sign": (lambda x: np.sin(x), {"x": lambda g, x: -g * tg.cos(x)}),
    "is 2 times": (lambda x: x * x, {"x": lambda g, x: g * x * 4.0}),
    "a `g \\*` missing": (lambda x: np.exp(x), {"x": lambda g, out: out + 0 * g}),
    "no gradient arrives": (lambda x: x * x, {"x": lambda g: g * 0}),
    "nan where the slope": (lambda x: x * x, {"x": lambda g, x: g * (x / x - 1) / 0.0}),
}


@pytest.mark.parametrize(("cause", "case"), WRONG.items(), ids=WRONG)
def test_it_names_the_likely_cause(op: Any, cause: str, case: Any) -> None:
    forward, formulas = case
    found = complaint(op(forward, **formulas), VECTOR)
    assert re.search(f"likely cause: .*{cause}", found), found
    assert "with respect to input 0" in found
    assert re.search(r"at index \(\d,\): analytic \S+, numeric \S+", found)
    assert f"formula: {__file__}:" in found


def test_a_transpose(op: Any) -> None:
    wrong = op(lambda x: x.mT.copy(), x=lambda g: g)
    assert "a transpose: it is right with its axes in the order (1, 0)" in complaint(
        wrong, SQUARE
    )


def test_a_reshape_for_a_transpose(op: Any) -> None:
    wrong = op(lambda x: x.mT.copy(), x=lambda g, x_shape: g.reshape(x_shape))
    assert "a reshape that should be a transpose" in complaint(wrong, MATRIX)


def test_a_missing_sum_over_a_broadcast_axis(op: Any) -> None:
    wrong = op(lambda x, y: x + y, x=lambda g: g, y=lambda g: g[0])
    found = complaint(wrong, MATRIX, VECTOR[:3])
    assert "only slice 0 along axis 0" in found
    assert "broadcasts=True" in found
    assert "input 1" in found


def test_a_mean_for_a_sum(op: Any) -> None:
    wrong = op(lambda x, y: x + y, x=lambda g: g, y=lambda g: g.sum(0) / len(g))
    assert "axis 0 of input 0 has length 2" in complaint(wrong, MATRIX, VECTOR[:3])


def test_exchanged_formulas(op: Any) -> None:
    wrong = op(lambda x, y: x * y, x=lambda g, x: g * x, y=lambda g, y: g * y)
    assert "exchanged" in complaint(wrong, VECTOR, VECTOR + 1)


def test_an_axis_off_by_one_and_one_backward(op: Any) -> None:
    wrong = op(lambda x: np.roll(x, 1), x=lambda g: g)
    assert "off by one" in complaint(wrong, VECTOR)


def test_backward_along_an_axis(op: Any) -> None:
    wrong = op(lambda x: x[::-1].copy(), x=lambda g: g)
    assert "right when flipped" in complaint(wrong, VECTOR)


def test_a_value_detached_from_the_graph_shows_at_second_order(op: Any) -> None:
    def formula(g: Any, x: Any) -> Any:
        return g * 3.0 * np.square(getattr(x, "_data", x))

    wrong = op(lambda x: x**3, x=formula)
    assert gradcheck(wrong, VECTOR)
    found = complaint(wrong, VECTOR, order=2)
    assert "second derivative" in found
    assert "the graph" in found


def test_a_g_detached_from_the_graph_shows_at_second_order(op: Any) -> None:
    wrong = op(lambda x: np.sin(x), x=lambda g, x: getattr(g, "_data", g) * tg.cos(x))
    assert gradcheck(wrong, VECTOR)
    assert "second derivative" in complaint(wrong, VECTOR, order=2)


def test_a_third_derivative_alone(op: Any) -> None:
    inner = op(lambda x: 3 * x * x, x=lambda g, x: g * (6.0 * getattr(x, "_data", x)))
    inner.op.name = "inner"
    outer = tg.primitive(lambda x: x**3)
    outer.gradient(x=lambda g, x: g * inner(x))
    assert gradcheck(outer, VECTOR, order=2)
    assert "third derivative" in complaint(outer, VECTOR, order=3)


@pytest.mark.parametrize(
    ("f", "point", "rule"),
    [
        (tg.relu, [0.0, 1.0], r"relu: 0 at x = 0"),
        (lambda x: tg.clip(x, max=1.0), [1.0, 3.0], r"clip: 1 on the bounds"),
        (tg.sqrt, [0.0, 1.0], r"sqrt: infinity at x = 0"),
    ],
)
def test_a_kink_shows_both_slopes_and_the_rule(f: Any, point: Any, rule: str) -> None:
    found = complaint(f, np.array(point))
    sides = "(kink|edge of the domain): the slope is .* before .* after it"
    assert re.search(f"{sides}.*{rule}", found)


def test_a_kernel_at_odds_with_its_definition() -> None:
    @tg.fused
    def wrong_square(x: Any) -> Any:
        return x * x * x

    @wrong_square.forward
    def _(x: Any) -> Any:
        return (x * x,)

    @wrong_square.backward
    def _(g: Any, x: Any) -> Any:
        return [g * 2 * x]

    try:
        found = complaint(wrong_square, VECTOR)
    finally:
        del REGISTRY["wrong_square"]
    assert "under create_graph" in found
    assert "definition" in found


def test_what_it_says_is_enough_to_see_it_again(op: Any) -> None:
    wrong = op(lambda x: x * x, x=lambda g, x: g * x)
    found = complaint(wrong, VECTOR)
    call, text = re.search(r"again: (.*) with\n    x = (.*)", found).groups()
    assert call == "gradcheck(mine, x, seed=0)"
    point = eval(text, {"np": np})
    assert np.array_equal(point, VECTOR)
    assert complaint(wrong, point) == found


def test_a_report_instead_of_an_exception(op: Any) -> None:
    wrong = op(lambda x: x * x, x=lambda g, x: g * x)
    report = gradcheck(wrong, VECTOR, raise_exception=False)
    assert not report
    assert report.mismatches[0].input == 0
    assert "a factor: every element is 0.5 times" in str(report)


# --- side effects


def test_a_formula_that_writes_to_what_it_was_given(op: Any) -> None:
    def formula(g: Any, out: Any) -> Any:
        out *= 2
        return g * out / 2

    wrong = op(lambda x: np.exp(x), x=formula)
    assert "two backward passes" in complaint(wrong, VECTOR)


def test_a_forward_that_writes_to_its_input(op: Any) -> None:
    def forward(x: Any) -> Any:
        x += 0.0  # the same numbers: a harmless write is none of its business
        return x * 1

    assert_gradients(op(forward, x=lambda g: g), VECTOR)

    def clobber(x: Any) -> Any:
        out = x * 2
        x[...] = 7
        return out

    with pytest.raises(GradientError, match=r"two different values|wrote to input 0"):
        gradcheck(clobber_op(clobber), VECTOR.copy())


def clobber_op(forward: Any) -> Any:
    """An op outside the registry: a function of Tensors that writes to memory."""
    return lambda x: Tensor(forward(x._data))


def test_randomness_is_refused() -> None:
    rng = np.random.default_rng(0)
    found = complaint(lambda x: x * rng.random(x.shape), VECTOR)
    assert "two different values" in found


def test_a_kernel_that_reads_memory_in_order(op: Any) -> None:
    def forward(x: Any) -> Any:
        base = x if x.base is None else x.base
        return np.sin(base.reshape(-1)[: x.size].reshape(x.shape))

    wrong = op(forward, x=lambda g, x: g * tg.cos(x))
    found = complaint(lambda x: wrong(x) * x, SQUARE)
    assert "strided" in found
    assert_gradients(lambda x: wrong(x), SQUARE, layouts=False)
