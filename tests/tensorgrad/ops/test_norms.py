"""The normalisations: their laws, PyTorch's results, large arrays, refusals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, grad
from tensorgrad.errors import DtypeError, ShapeError
from tensorgrad.testing import assert_gradients

DTYPES = [np.float32, np.float64]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@given(st.floats(-9, 9), st.floats(0.1, 9))
def test_batch_norm_forgets_where_a_channel_was_and_how_wide(
    shift: float, scale: float
) -> None:
    x = normal(4, 3, 2)
    out = tg.batch_norm(x, eps=0)
    np.testing.assert_allclose(out.mean((0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(out.var((0, 2)), 1, atol=1e-12)
    x[:, 1] = x[:, 1] * scale + shift
    np.testing.assert_allclose(tg.batch_norm(x, eps=0), out, atol=1e-11)


@given(st.floats(0.1, 9))
def test_rms_norm_forgets_how_long_a_row_was(scale: float) -> None:
    x = normal(3, 4)
    out = tg.rms_norm(x, eps=0)
    np.testing.assert_allclose((out**2).mean(-1), 1, atol=1e-12)
    np.testing.assert_allclose(tg.rms_norm(x * scale, eps=0), out, atol=1e-12)


def test_a_row_of_zeros_stays_one_and_has_a_gradient() -> None:
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    out = tg.rms_norm(x, eps=0.25)
    out.backward(np.ones((2, 3)))
    assert not out.data.any()
    assert x.grad.tolist() == [[2.0] * 3] * 2


def test_a_constant_channel_becomes_the_bias() -> None:
    bias = Tensor([1.0, 2.0])
    out = tg.batch_norm(Tensor(np.full((3, 2), 7.0, np.float32)), None, bias)
    assert out.tolist() == [[1, 2]] * 3


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 5), (3, 3, 2, 1, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_norm_is_pytorchs(shape: Any, dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    arrays = [x.astype(dtype) for x in (normal(*shape), normal(3), normal(3, seed=1))]
    ours = [Tensor(x, requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    x, *parameters = theirs
    expected = torch.nn.functional.batch_norm(x, None, None, *parameters, training=True)
    compare(tg.batch_norm(*ours), expected, ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rms_norm_is_pytorchs(dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    arrays = [x.astype(dtype) for x in (normal(2, 5, 7), normal(7))]
    ours = [Tensor(x, requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    expected = torch.nn.functional.rms_norm(theirs[0], (7,), theirs[1], 1e-5)
    compare(tg.rms_norm(*ours), expected, ours, theirs)


def compare(out: Tensor, expected: Any, ours: Any, theirs: Any) -> None:
    """Equal values and gradients, to a few units in the last place of 1."""
    g = normal(*out.shape, seed=9).astype(out.dtype)
    out.backward(g)
    expected.backward(expected.new_tensor(g))
    close = {"rtol": 0, "atol": 1e-5 if out.dtype == np.float32 else 1e-13}
    np.testing.assert_allclose(out.data, expected.detach(), **close)
    for x, tx in zip(ours, theirs, strict=True):
        assert x.grad.dtype == out.dtype
        np.testing.assert_allclose(x.grad.data, tx.grad, **close)


@pytest.mark.parametrize("name", ["rms_norm", "batch_norm", "layer_norm"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_large_array_takes_a_compiled_kernel_equal_to_the_definition(
    name: str, dtype: Any
) -> None:
    definition = REGISTRY[name].definition
    arrays = [x.astype(dtype) for x in (normal(20, 30, 30) + 3, normal(30), normal(30))]
    arrays = arrays[: len(REGISTRY[name].inputs)]
    g = normal(20, 30, 30, seed=1).astype(dtype)
    found = []
    for function in getattr(tg, name), definition:
        xs = [Tensor(x, requires_grad=True) for x in arrays]
        out = function(*xs)
        found.append([out, *grad(out, xs, g)])
    for one, other in zip(*found, strict=True):
        assert one.dtype == dtype
        # sums of 600 numbers around 1
        atol = 2e-3 if dtype == np.float32 else 1e-11
        np.testing.assert_allclose(one.data, other.data, rtol=0, atol=atol)


def test_to_the_third_order() -> None:
    x, weight, bias = 2 * normal(4, 3, 2), normal(3), normal(3, seed=1)
    assert_gradients(tg.batch_norm, x, weight, bias, order=3)
    assert_gradients(lambda x: tg.batch_norm(x, x[0, :, 0], x[1, :, 0]), x, order=3)
    rows = 2 * normal(3, 3)
    assert_gradients(tg.rms_norm, rows, weight, order=3)
    assert_gradients(lambda x: tg.rms_norm(x * x[0], x[0]), rows, order=3)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2), (2, 3, 0)])
def test_batch_norm_of_nothing(shape: Any) -> None:
    for order in False, True:
        xs = [Tensor(x, requires_grad=True) for x in (np.zeros(shape), normal(3))]
        out = tg.batch_norm(*xs)
        gradients = grad(out.sum(), xs, create_graph=order)
        assert [g.shape for g in (out, *gradients)] == [shape, shape, (3,)]
        assert gradients[1].tolist() == [0, 0, 0]


def test_arrays_in_strange_layouts() -> None:
    x = normal(5, 6, 4)
    turned = x.transpose(2, 1, 0)[::-1]
    solid = np.ascontiguousarray(turned)
    for function in tg.batch_norm, tg.rms_norm:
        np.testing.assert_allclose(function(turned), function(solid), atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tg.rms_norm(Tensor(1.0)),
        lambda: tg.rms_norm(Tensor(np.ones((2, 3))), Tensor(np.ones(2))),
        lambda: tg.rms_norm(Tensor(np.ones((2, 3))), Tensor(np.ones((1, 3)))),
        lambda: tg.batch_norm(Tensor(np.ones(3))),
        lambda: tg.batch_norm(Tensor(1.0)),
        lambda: tg.batch_norm(Tensor(np.ones((2, 3))), Tensor(np.ones(2))),
        lambda: tg.batch_norm(Tensor(np.ones((3, 2, 3))), None, Tensor(np.ones(3))),
        lambda: tg.layer_norm(Tensor(np.ones((2, 3))), None, Tensor(np.ones(2))),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call: Any) -> None:
    with pytest.raises(ShapeError, match="_norm: x"):
        call()


@pytest.mark.parametrize("function", [tg.rms_norm, tg.batch_norm, tg.layer_norm])
def test_integers_are_refused(function: Any) -> None:
    with pytest.raises(DtypeError, match="astype"):
        function(Tensor(np.ones((2, 3), int)))
