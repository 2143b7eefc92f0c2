"""Defining ops: what @primitive and @fused accept, refuse, and promise."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, fused, grad, primitive
from tensorgrad.errors import DefinitionError, GraphError, ShapeError
from tests.tensorgrad.checks import check_gradients


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test defines is forgotten after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


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
    check_gradients(lambda x, y: scaled_product(x, y, scale=2.0), [x, y])
    check_gradients(scaled_product, [x, y])
    assert REGISTRY["scaled_product"].inputs == ("x", "y")
    assert scaled_product.__doc__ == "scale x y"
    assert scaled_product.__name__ == "scaled_product"


def test_arrays_in_array_out() -> None:
    x = np.array([1.0, 2.0])
    assert type(tg.multiply(x, x)) is np.ndarray
    assert type(tg.layer_norm(x)) is np.ndarray
    assert all(type(part) is np.ndarray for part in tg.split(x, indices_or_sections=2))
    assert isinstance(tg.multiply(x, Tensor(x)), Tensor)
    assert isinstance(tg.multiply(Tensor(x), x), Tensor)
    assert isinstance(tg.where(x > 1, x, Tensor(x)), Tensor)


def test_inputs_may_be_named() -> None:
    x, weight = leaf(1.0, 3.0), leaf(2.0, 2.0)
    for out in (tg.layer_norm(x, weight=weight), tg.layer_norm(x, weight)):
        np.testing.assert_allclose(out.data, [-2, 2], rtol=1e-4)
    bias = tg.layer_norm(x, bias=weight)
    np.testing.assert_allclose(bias.data, [1, 3], rtol=1e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tg.layer_norm(),
        lambda x: tg.layer_norm(x, x, x, 1e-5),
        lambda x: tg.layer_norm(x, epsilon=1.0),
        lambda x: tg.linear(x),
        lambda x: tg.sum(x, 0),
        lambda x: tg.sum(x, axes=0),
        lambda x: tg.add(x),
        lambda x: tg.exp(x, x),
    ],
)
def test_wrong_arguments_are_refused(call: Any) -> None:
    with pytest.raises(TypeError):
        call(leaf(1.0, 2.0))


# --- definitions that do not fit


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


def test_a_forgotten_input_fails_when_it_is_defined() -> None:
    @primitive
    def chosen(mask: Any, x: Any) -> Any:
        return np.where(mask, x, 0)

    with pytest.raises(DefinitionError, match="mask"):
        chosen.gradient(x=lambda g, mask: g * mask)
    chosen.gradient(mask=None, x=lambda g, mask: g * mask)
    x, mask = leaf(1.0, 2.0), np.array([True, False])
    assert grad(chosen(mask, x).sum(), x).tolist() == [1, 0]
    with pytest.raises(GraphError, match=r"chosen has no derivative.*input 0: detach"):
        chosen(leaf(1.0, 0.0), x).sum().backward()


def test_an_op_without_derivatives_is_not_tracked() -> None:
    @primitive
    def rounded(x: Any) -> Any:
        return np.round(x)

    rounded.gradient(x=None)
    assert not rounded(leaf(1.2)).requires_grad
    assert not (leaf(1.0) < 2.0).requires_grad


def test_a_forgotten_derivative_is_not_a_zero() -> None:
    x = leaf(1.0, 2.0)

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
    x = leaf(1.0, 2.0)
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
    check_gradients(both, arrays)
    check_gradients(lambda *xs: sums_and_products(list(xs))[1], arrays)
    x, constant = leaf(1.0, 2.0), Tensor(np.array([5.0, 5.0]))
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

    check_gradients(function, [np.array([0.5, -1.0])])


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
    check_gradients(lambda x, w: op(x, w, scale=3.0), [x, weight])
    check_gradients(op, [x])
    np.testing.assert_allclose(op(x, weight), op.op.definition(x, weight))


def test_a_fused_op_of_one_tensor_twice() -> None:
    op = squared_norm()

    def cube(x: Tensor) -> Any:  # x enters twice: partials, not totals, add up
        return op(x, x)

    x = leaf(0.5, 1.5)
    first = grad(cube(x), x, create_graph=True)
    second = grad(first.sum(), x, create_graph=True)
    third = grad(second.sum(), x)
    np.testing.assert_allclose(first.data, 3 * x.data**2)
    np.testing.assert_allclose(second.data, 6 * x.data)
    np.testing.assert_allclose(third.data, [6, 6])


def test_a_fused_op_whose_input_depends_on_another() -> None:
    op = squared_norm()
    check_gradients(lambda x: op(x * x, tg.exp(x)), [np.array([0.5, 1.5])])


def test_a_kernel_without_a_gradient_for_a_tracked_input_says_so() -> None:
    q = Tensor(np.ones((2, 2)), requires_grad=True)
    mask = Tensor(np.zeros((2, 2)), requires_grad=True)
    with pytest.raises(GraphError, match=r"attention has no derivative.*detach"):
        tg.attention(q, q, q, mask).sum().backward()


@pytest.mark.parametrize("order", [1, 2])
def test_settings_reach_every_order(order: int) -> None:
    x = leaf(0.3, 1.0)
    found = []
    for approximate in ("none", "tanh"):
        y = tg.gelu(x, approximate=approximate).sum()
        for _ in range(order):
            y = grad(y, x, create_graph=True).sum()
        found.append(y.item())
    assert found[0] != found[1]
    np.testing.assert_allclose(*found, rtol=0.02)


def test_a_tracked_setting_is_refused() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match="setting has no derivative"):
        x.clip(min=x)
    assert x.clip(min=Tensor(np.array([1.5, 1.5]))).tolist() == [1.5, 2]


# --- dtypes: Python and NumPy scalars are weak

SCALARS = [2, 2.0, True, np.float64(2.0), np.int64(2), np.sqrt(64), np.float32(2)]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{type(s).__name__}")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scalars_do_not_decide_the_dtype(scalar: Any, dtype: str) -> None:
    x = Tensor(np.array([1.0, 2.0], dtype), requires_grad=True)
    outs = [x + scalar, scalar + x, x * scalar, scalar * x, x / scalar, scalar / x]
    outs += [x**scalar, scalar**x, tg.power(x, scalar), tg.maximum(x, scalar)]
    outs += [tg.where(x > scalar, x, scalar), tg.where(x > scalar, scalar, x)]
    outs += [x.clip(scalar, 9.0), x.clip(max=scalar), tg.add(scalar, x), x - scalar]
    outs += [tg.pad(x, pad_width=1, constant_values=scalar), np.multiply(scalar, x)]
    outs += [tg.layer_norm(x, eps=scalar), tg.attention(x[None], x[None], x[None])]
    outs += [tg.cross_entropy(x, np.array(1), label_smoothing=np.float64(0.1))]
    for i, out in enumerate(outs):
        assert out.dtype == dtype, i
        assert grad(out.sum(), x, create_graph=True).dtype == dtype, i


def test_lists_take_the_dtype_of_their_tensor() -> None:
    for dtype in ("f4", "f8"):
        x = Tensor(np.array([1.0, 2.0], dtype))
        out = x * [0.1, 0.2]
        assert out.dtype == dtype
        np.testing.assert_array_equal(out.data, np.array([0.1, 0.2], dtype) * x.data)
        assert tg.concatenate([x, [1.0]]).dtype == dtype
    assert tg.where([True, False], [0.1, 0.2], Tensor(np.ones(2))).data[0] == 0.1


def test_arrays_decide_the_dtype_as_in_numpy() -> None:
    narrow, wide = Tensor(np.ones(2, "f4")), np.ones(2)
    assert (narrow * wide).dtype == (wide * narrow).dtype == np.float64
    assert (Tensor([1, 2]) * narrow).dtype == np.float64
    assert (Tensor([1, 2]) + 1).dtype == np.int64
    assert (Tensor([1, 2]) / 2).dtype == np.float64


# --- what the user gave stays the user's


def test_what_was_given_can_change_after_the_call() -> None:
    x = leaf(1.0, 2.0)
    factor, other = np.array([3.0, 4.0]), np.array([5.0, 6.0])
    bounds, widths = np.array([0.0, 0.0]), [[1, 0]]
    y = x * factor + tg.power(other, x) + tg.concatenate([x * other, other])[:2]
    y = y + x.clip(min=bounds) + tg.pad(x, pad_width=widths)[1:]
    y = y + tg.einsum("i,i->i", x, factor)
    constant = Tensor(other)
    y = y + x * constant
    constant[0] = 100.0
    factor[:], other[:], bounds[:], widths[0][0] = 0, 0, 9, 0
    expected = 2 * np.array([3.0, 4]) + np.array([5.0, 6]) * 2 + 2
    expected += np.array([5.0, 36]) * np.log([5, 6])
    np.testing.assert_allclose(grad(y.sum(), x).data, expected)
