"""Calls of ops: arguments, dtypes, and what the graph keeps of what it was given."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import GraphError
from tests.tensorgrad.checks import vector

SCALARS = [2, 2.0, True, np.float64(2.0), np.int64(2), np.sqrt(64), np.float32(2)]


def test_arrays_in_array_out() -> None:
    x = np.array([1.0, 2.0])
    assert type(tg.multiply(x, x)) is np.ndarray
    assert type(tg.layer_norm(x)) is np.ndarray
    assert all(type(part) is np.ndarray for part in tg.split(x, indices_or_sections=2))
    assert isinstance(tg.multiply(x, Tensor(x)), Tensor)
    assert isinstance(tg.multiply(Tensor(x), x), Tensor)
    assert isinstance(tg.where(x > 1, x, Tensor(x)), Tensor)


def test_inputs_may_be_named() -> None:
    x, weight = vector(1.0, 3.0), vector(2.0, 2.0)
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
        call(vector(1.0, 2.0))


@pytest.mark.parametrize(
    ("call", "signature"),
    [
        (lambda x: tg.layer_norm(x, x, x, epsilon=1.0), r"layer_norm\(x, weight="),
        (lambda x: tg.softmax(x, axes=0), r"softmax\(x, \*, axis=-1\)"),
        (lambda x: tg.sum(x.data, axes=0), r"sum\(x, \*, axis=None"),
        (lambda x: tg.linear(x, x, x, weight=x), r"linear\(x, weight, bias=None\)"),
    ],
)
def test_a_wrong_name_shows_the_right_ones(call: Any, signature: str) -> None:
    with pytest.raises(TypeError, match=signature):
        call(vector(1.0, 2.0))


# --- definitions that do not fit


def test_a_tracked_setting_is_refused() -> None:
    x = vector(1.0, 2.0)
    with pytest.raises(GraphError, match="setting has no derivative"):
        x.clip(min=x)
    assert x.clip(min=Tensor(np.array([1.5, 1.5]))).tolist() == [1.5, 2]


# --- dtypes: Python and NumPy scalars are weak


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


# --- what a node saves


def saved(y: Tensor) -> dict[str, Any]:
    assert y.node is not None
    return dict(zip(y.node.op.names, y.node.saved, strict=True))


def test_a_node_saves_what_the_formulas_of_its_tracked_inputs_ask_for() -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    total = saved(x.sum(axis=0))
    assert total == dict(x=None, out=None, axis=0, x_shape=(2, 3))
    y = Tensor(np.ones((3, 4)))
    left, right = saved(x @ y), saved(tg.matmul(y.mT, x.mT))
    assert left.pop("y") is y._data
    assert left == dict(x=None, out=None, x_shape=(2, 3), y_shape=None)
    assert right.pop("x").shape == (4, 3)
    assert right == dict(y=None, out=None, x_shape=None, y_shape=(3, 2))


def test_a_formula_takes_what_it_asks_for_by_position() -> None:
    @tg.primitive
    def weighed(x: Any, y: Any, *, scale: Any = 2.0) -> Any:
        return x * y * scale

    try:
        weighed.gradient(
            x=lambda g, scale, y: g * y * scale, y=lambda g, x, scale: g * x * scale
        )
        x, y = vector(1.0, 2.0), vector(3.0, 5.0)
        weighed(x, y, scale=10.0).sum().backward()
        assert (x.grad.tolist(), y.grad.tolist()) == ([30, 50], [10, 20])
    finally:
        del tg.REGISTRY["weighed"]


# --- what the user gave stays the user's


def test_what_was_given_can_change_after_the_call() -> None:
    x = vector(1.0, 2.0)
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
