"""Defining ops: what @primitive and @fused accept, refuse, and promise."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, fused, grad, primitive
from tensorgrad.errors import DefinitionError, GraphError, ShapeError
from tensorgrad.op import Op
from tensorgrad.testing import GradientError, assert_gradients
from tests.tensorgrad.checks import vector


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test defines is forgotten after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


# --- @primitive


def test_an_op_is_a_forward_and_a_formula_per_input() -> None:
    @primitive(broadcasts=True)
    def scaled_product(x: Any, y: Any, *, scale: float = 1.0) -> Any:
        """scale x y"""
        return scale * x * y

    scaled_product.gradient(
        x=lambda g, y, scale: g * y * scale, y=lambda g, x, scale: g * x * scale
    )
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(1,))
    assert_gradients(lambda x, y: scaled_product(x, y, scale=2.0), x, y)
    assert_gradients(scaled_product, x, y)
    assert REGISTRY["scaled_product"].inputs == ("x", "y")
    assert scaled_product.__doc__ == "scale x y"
    assert scaled_product.__name__ == "scaled_product"


def identity() -> Any:
    @primitive
    def identity(x: Any, *, scale: float = 1.0) -> Any:
        return x * scale

    return identity


@pytest.mark.parametrize(
    ("formulas", "named"),
    [
        ({"x": lambda g, xx: g}, "xx"),
        ({"x": lambda g, y_shape: g}, "y_shape"),
        ({"x": lambda grad: grad}, "grad"),
        ({"x": lambda x, g: g}, "for x asks for"),
        ({}, "x"),
        ({"y": lambda g: g}, "y"),
        ({"x": lambda g: g, "y": lambda g: g}, "y"),
    ],
)
def test_a_misspelt_formula_fails_when_it_is_defined(formulas: Any, named: str) -> None:
    with pytest.raises(DefinitionError, match=named):
        identity().gradient(**formulas)


def test_a_name_is_taken_once() -> None:
    identity()
    with pytest.raises(DefinitionError, match="already an op called 'identity'"):
        identity()


def test_an_op_is_defined_anew_as_the_message_says() -> None:
    first = identity()
    with pytest.raises(DefinitionError, match="already") as refused:
        identity()
    [statement] = re.findall(r"del \S+", str(refused.value))
    exec(statement, {"tensorgrad": tg})
    again = identity()
    assert REGISTRY["identity"] is again.op is not first.op


def test_a_forgotten_input_fails_when_it_is_defined() -> None:
    @primitive
    def chosen(mask: Any, x: Any) -> Any:
        return np.where(mask, x, 0)

    with pytest.raises(DefinitionError, match="mask"):
        chosen.gradient(x=lambda g, mask: g * mask)
    chosen.gradient(mask=None, x=lambda g, mask: g * mask)
    x, mask = vector(1.0, 2.0), np.array([True, False])
    assert grad(chosen(mask, x).sum(), x).tolist() == [1, 0]
    with pytest.raises(GraphError, match=r"chosen has no derivative.*input 0: detach"):
        chosen(vector(1.0, 0.0), x).sum().backward()


def test_an_op_without_derivatives_is_not_tracked() -> None:
    @primitive
    def rounded(x: Any) -> Any:
        return np.round(x)

    rounded.gradient(x=None)
    assert not rounded(vector(1.2)).requires_grad
    assert not (vector(1.0) < 2.0).requires_grad


def test_a_forgotten_derivative_is_not_a_zero() -> None:
    x = vector(1.0, 2.0)

    @primitive
    def doubled(x: Any) -> Any:
        return 2 * x

    @fused
    def tripled(x: Any) -> Any:
        return 3 * x

    @tripled.forward
    def _(x: Any) -> Any:
        return (3 * x,)

    for op in (doubled, tripled, identity()):
        assert op(x.data)[1] >= 2
        assert op(Tensor([1.0, 2.0])).data[1] >= 2
        with pytest.raises(DefinitionError, match="has no derivative yet"):
            op(x)


@pytest.mark.parametrize("mode", ["plain", "recorded"])
def test_a_formula_of_the_wrong_shape_is_found(mode: str) -> None:
    @primitive
    def doubled(x: Any) -> Any:
        return 2 * x

    doubled.gradient(x=lambda g: g.sum())
    x = vector(1.0, 2.0)
    with pytest.raises(ShapeError, match=r"doubled has shape \(\).*broadcasts=True"):
        grad(doubled(x).sum(), x, create_graph=mode == "recorded")


def test_a_formula_of_the_wrong_dtype_is_cast() -> None:
    @primitive
    def tied(x: Any, y: Any) -> Any:
        return np.maximum(x, y)

    tied.gradient(
        x=lambda g, x, y: g * ((x > y) + np.float64(0.5) * (x == y)),
        y=lambda g, x, y: g * ((y > x) + np.float64(0.5) * (x == y)),
    )
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = Tensor([1.0, 1.0], requires_grad=True)
    for g in grad(tied(x, y).sum(), [x, y]):
        assert g.dtype == np.float32


# --- several inputs and outputs


def test_lists_of_inputs_and_of_outputs() -> None:
    @primitive
    def sums_and_products(*xs: Any) -> Any:
        return sum(xs), np.prod(np.stack(xs), axis=0)

    def all_gradients(g: Any, xs: Any, needed: Any) -> Any:
        gsum, gproduct = g
        found = []
        for i in range(len(xs)):
            gx = 0.0 * xs[i]
            if gsum is not None:
                gx = gx + gsum
            if gproduct is not None:
                rest = gproduct
                for j, y in enumerate(xs):
                    rest = rest * y if j != i else rest
                gx = gx + rest
            found.append(gx if needed[i] else None)
        return found

    sums_and_products.gradient(xs=all_gradients)

    def both(*xs: Tensor) -> Any:
        total, product = sums_and_products(*xs)
        return total * product

    arrays = [np.random.default_rng(i).normal(size=(2,)) for i in range(3)]
    assert_gradients(both, *arrays)
    assert_gradients(lambda *xs: sums_and_products(list(xs))[1], *arrays)
    x, constant = vector(1.0, 2.0), Tensor(np.array([5.0, 5.0]))
    assert sums_and_products(t for t in [x, x])[0].tolist() == [2, 4]
    total, product = sums_and_products(x, constant, x)
    assert grad(product.sum(), x).tolist() == [10, 20]
    assert total.tolist() == [7, 9]


def test_formulas_may_ask_for_shapes_and_for_all_outputs() -> None:
    @primitive
    def spread(x: Any) -> Any:
        return np.stack([x, x])

    spread.gradient(x=lambda g, x_shape: tg.sum_to(g, shape=(1, *x_shape))[0])

    @primitive
    def exponentials(x: Any) -> Any:
        return np.exp(x), np.exp(-x)

    def from_outputs(g: Any, out: Any) -> Any:
        up, down = out
        return g[0] * up - g[1] * down

    exponentials.gradient(x=from_outputs)

    def function(x: Tensor) -> Any:
        up, down = exponentials(x)
        return spread(x * x) * up + up * down * down

    assert_gradients(function, np.array([0.5, -1.0]))


def test_a_formula_that_knows_no_tensors_is_a_constant_at_second_order() -> None:
    def raw(g: Any, x: Any) -> Any:
        return np.asarray(getattr(g, "_data", g)) * np.cos(getattr(x, "_data", x))

    op = tg.primitive(lambda x: np.sin(x))
    op.gradient(x=raw)
    x = vector(0.5, 1.0)
    assert_gradients(op, x.data)
    (g,) = grad((op(x) * x).sum(), [x], create_graph=True)
    assert g.requires_grad
    with pytest.raises(GradientError, match="second derivative"):
        assert_gradients(op, x.data, order=2)


@pytest.mark.parametrize("n", [1, 2])
def test_several_outputs_of_an_op_without_settings(n: int) -> None:
    forwards = {
        1: lambda x: (np.sin(x), x * x),
        2: lambda x, y: (x * y, x + y),
    }
    op = tg.primitive(forwards[n])

    def x(g: Any, x: Any) -> Any:
        first, second = [0.0 if part is None else part for part in g]
        return first * tg.cos(x) + second * 2.0 * x

    def of_product(g: Any, other: Any) -> Any:
        first, second = [0.0 if part is None else part for part in g]
        return first * other + second

    if n == 1:
        op.gradient(x=x)
    else:
        op.gradient(x=lambda g, y: of_product(g, y), y=lambda g, x: of_product(g, x))
    points = [np.array([0.5, -1.0]), np.array([2.0, 1.5])][:n]
    assert_gradients(op, *points, order=3)
    assert_gradients(lambda *xs: op(*xs)[1], *points, order=2)
    with tg.detect_anomaly():
        assert all(out.requires_grad for out in op(*[vector(*p) for p in points]))
    assert not any(out.requires_grad for out in op(*map(Tensor, points)))
    if n == 2:
        assert op(vector(1.0), 3.0)[0].tolist() == [3]


# --- @fused


def squared_norm() -> Any:
    @fused
    def squared_norm(x: Any, weight: Any = None, *, scale: float = 1.0) -> Any:
        """The sum of scale weight x^2 over the last axis."""
        terms = x * x * scale
        return tg.sum(terms if weight is None else terms * weight, axis=-1)

    @squared_norm.forward
    def _(x: Any, weight: Any = None, *, scale: float = 1.0) -> Any:
        root = x if weight is None else x * np.sqrt(weight)
        return scale * np.sum(root * root, axis=-1), root

    @squared_norm.backward
    def _(g: Any, x: Any, weight: Any, root: Any, scale: float) -> Any:
        g = scale * g[..., None]
        by_weight = None if weight is None else (g * x * x).reshape(-1, x.shape[-1])
        factor = 1.0 if weight is None else weight
        return [2 * g * x * factor, None if weight is None else by_weight.sum(axis=0)]

    return squared_norm


def test_a_fused_op_runs_its_kernel_and_differentiates_its_definition() -> None:
    op, rng = squared_norm(), np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 3)), rng.uniform(1, 2, size=3)
    assert_gradients(lambda x, w: op(x, w, scale=3.0), x, weight)
    assert_gradients(op, x)
    np.testing.assert_allclose(op(x, weight), op.op.definition(x, weight))


def test_a_fused_op_of_one_tensor_twice() -> None:
    op = squared_norm()

    def cube(x: Tensor) -> Any:  # x enters twice: partials, not totals, add up
        return op(x, x)

    x = vector(0.5, 1.5)
    first = grad(cube(x), x, create_graph=True)
    second = grad(first.sum(), x, create_graph=True)
    third = grad(second.sum(), x)
    np.testing.assert_allclose(first.data, 3 * x.data**2)
    np.testing.assert_allclose(second.data, 6 * x.data)
    np.testing.assert_allclose(third.data, [6, 6])


def test_a_fused_op_whose_input_depends_on_another() -> None:
    op = squared_norm()
    assert_gradients(lambda x: op(x * x, tg.exp(x)), np.array([0.5, 1.5]))


def test_a_kernel_without_a_gradient_for_a_tracked_input_says_so() -> None:
    q = Tensor(np.ones((2, 2)), requires_grad=True)
    mask = Tensor(np.zeros((2, 2)), requires_grad=True)
    with pytest.raises(GraphError, match=r"attention has no derivative.*detach"):
        tg.attention(q, q, q, mask).sum().backward()


@pytest.mark.parametrize("order", [1, 2])
def test_settings_reach_every_order(order: int) -> None:
    x = vector(0.3, 1.0)
    found = []
    for approximate in ("none", "tanh"):
        y = tg.gelu(x, approximate=approximate).sum()
        for _ in range(order):
            y = grad(y, x, create_graph=True).sum()
        found.append(y.item())
    assert found[0] != found[1]
    np.testing.assert_allclose(*found, rtol=0.02)


def test_a_formula_that_returns_no_array_is_named() -> None:
    @tg.primitive
    def test_only_no_array(x: Any) -> Any:
        return x * 2.0

    test_only_no_array.gradient(x=lambda g: 2.0)
    try:
        with pytest.raises(
            DefinitionError, match=r"test_only_no_array for input x.*2.0"
        ):
            test_only_no_array(vector(1.0)).sum().backward()
    finally:
        del tg.REGISTRY["test_only_no_array"]


def test_a_formula_may_be_any_callable() -> None:
    class Times:
        def __call__(self, g: Any, factor: float) -> Any:
            return g * factor

    @tg.primitive
    def test_only_scaled(x: Any, *, factor: float) -> Any:
        return x * factor

    test_only_scaled.gradient(x=Times())
    try:
        x = vector(1.0, 2.0)
        test_only_scaled(x, factor=3.0).sum().backward()
        assert x.grad.tolist() == [3, 3]
    finally:
        del tg.REGISTRY["test_only_scaled"]


def test_a_fused_op_says_where_its_derivative_exists() -> None:
    try:

        @fused(smooth="x != 0", kinks="0 at x = 0")
        def size(x):  # type: ignore[no-untyped-def]
            return tg.absolute(x)

        assert isinstance(REGISTRY["size"], Op)
        assert (size.op.smooth, size.op.kinks) == ("x != 0", "0 at x = 0")
        assert size.op.definition is not None
    finally:
        REGISTRY.pop("size", None)
