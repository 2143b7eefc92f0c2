"""Moving elements: corners of the settings, empty arrays, refusals."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ShapeError
from tensorgrad.testing import assert_gradients

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("shift", "axis"),
    [
        (1, None),
        (-25, None),
        (0, 0),
        (2, -1),
        ((1, -2), (0, 2)),
        ([1, -2], (0, 2)),
        ((1, 1), (1, 1)),  # an axis twice: the shifts add up
        (1, (0, 1)),
        ((1, 2), 2),
        (np.array([1, 2]), (1, 0)),
        (np.int64(3), None),
    ],
)
def test_rolls(shift: Any, axis: Any) -> None:
    found = tg.roll(Tensor(X), shift=shift, axis=axis)
    np.testing.assert_array_equal(found.data, np.roll(X, shift, axis))
    assert_gradients(lambda x: tg.roll(x * x, shift=shift, axis=axis), X, order=2)


def test_what_shifts_can_change_afterwards() -> None:
    x, shift = Tensor(np.arange(3.0), requires_grad=True), np.array([1])
    out = tg.roll(x, shift=shift, axis=0)
    shift[0] = 2
    (out * np.array([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [2, 3, 1]


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1,), ()])
def test_flips(axis: Any) -> None:
    np.testing.assert_array_equal(tg.flip(X, axis=axis), np.flip(X, axis))
    assert_gradients(lambda x: tg.flip(x * x, axis=axis), X, order=2)


def test_elements_are_in_order_whatever_their_order_in_memory() -> None:
    columns = np.asfortranarray(X)
    for function in (tg.ravel, lambda x: tg.reshape(x, shape=(4, 6))):
        np.testing.assert_array_equal(function(columns), function(X))
        np.testing.assert_array_equal(function(X.T), function(X.T.copy()))
        assert_gradients(lambda x, f=function: f(tg.transpose(x)) ** 2, X, order=2)


def test_what_is_repeated_can_be_written_to() -> None:
    x = Tensor(np.array([1.0, 2.0]))
    out = tg.broadcast_to(x, shape=(2, 2))
    out[0, 0] = 5.0
    assert out.tolist() == [[5, 2], [1, 2]]
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("constants", [(7, 8), ((1, 2), (3, 4))])
def test_paddings_of_several_constants(constants: Any) -> None:
    def function(x: Any) -> Any:
        return tg.pad(x, pad_width=((1, 2), (0, 3)), constant_values=constants)

    x = X[0]
    expected = np.pad(x, ((1, 2), (0, 3)), constant_values=constants)
    np.testing.assert_array_equal(function(Tensor(x)).data, expected)
    assert_gradients(lambda x: function(x * x), x, order=2)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 3)])
def test_nothing_moves(shape: Any) -> None:
    x = np.zeros(shape)
    for function in (tg.ravel, tg.flip, lambda x: tg.roll(x, shift=3)):
        assert_gradients(function, x, order=2)
    assert tg.ravel(Tensor(x)).shape == (x.size,)


@pytest.mark.parametrize(
    ("source", "destination"),
    [(0, 2), (-1, 0), ((0, 1), (1, 2)), ((2, 0), (0, -1)), ([0, 2], [2, 1]), ((), ())],
)
def test_moved_axes(source: Any, destination: Any) -> None:
    found = tg.moveaxis(Tensor(X), source, destination)
    np.testing.assert_array_equal(found.data, np.moveaxis(X, source, destination))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.swapaxes(x, 0, -1),
        lambda x: np.moveaxis(x, 0, -1),
        lambda x: np.ravel(x),
        lambda x: np.flip(x, (0, 1)),
        lambda x: np.roll(x, 1, axis=0),
    ],
)
def test_numpys_functions_of_tensors(call: Any) -> None:
    found = call(Tensor(X))
    assert isinstance(found, Tensor)
    np.testing.assert_array_equal(found.data, call(X))
    assert_gradients(call, X)


def test_bare_arrays_and_lists_stay_bare() -> None:
    for out in (tg.swapaxes([[1, 2]], 0, 1), tg.moveaxis(X, 0, 1), tg.ravel([[1]])):
        assert isinstance(out, np.ndarray)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tg.flip(x, axis=3),
        lambda x: tg.flip(x, axis=(0, 0)),
        lambda x: tg.roll(x, shift=1, axis=-4),
        lambda x: tg.roll(x, shift=(1, 2, 3), axis=(0, 1)),
        lambda x: tg.swapaxes(x, 0, 3),
        lambda x: tg.swapaxes(x, -4, 0),
        lambda x: tg.moveaxis(x, 3, 0),
        lambda x: tg.moveaxis(x, 0, 3),
        lambda x: tg.moveaxis(x, (0, 0), (0, 1)),
        lambda x: tg.moveaxis(x, (0, 1), 0),
        lambda x: tg.expand_dims(x, axis=5),
        lambda x: tg.squeeze(x, axis=0),
        lambda x: tg.transpose(x, axes=(0, 1, 1)),
        lambda x: tg.pad(x, pad_width=-1),
        lambda x: tg.pad(x, pad_width=((1, 1),) * 2),
    ],
)
def test_refusals(call: Any) -> None:
    for x in (X, Tensor(X, requires_grad=True)):
        with pytest.raises(ValueError):
            call(x)


def test_a_dict_of_paddings_is_refused_at_once() -> None:
    with pytest.raises(ShapeError, match="dict"):
        tg.pad(Tensor(X), pad_width={0: (1, 1)})
