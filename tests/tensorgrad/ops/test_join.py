"""Joining, repeating and cutting: corners of the settings, empty arrays, refusals."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import GraphError, ShapeError
from tensorgrad.testing import assert_gradients

X = np.arange(6.0).reshape(2, 3)


# --- joining


@pytest.mark.parametrize("op", [tg.concatenate, tg.stack])
def test_an_axis_without_its_name_is_no_array(op: Any) -> None:
    for x in (X, Tensor(X)):
        with pytest.raises(TypeError, match=rf"{op.__name__}\(xs, axis=1\)"):
            op([x, x], 1)
    assert tg.stack(Tensor(1.0), 2).tolist() == [1.0, 2.0]


# --- cutting


@pytest.mark.parametrize(
    "places", [[2, 1], [3, 0], [-1, 1], [0, 2, 1], np.array([9, 1])]
)
def test_parts_that_overlap_are_refused_at_once(places: Any) -> None:
    for x in (X, Tensor(X), Tensor(X, requires_grad=True)):
        with pytest.raises(ShapeError, match="overlap"):
            tg.split(x, indices_or_sections=places, axis=1)


@pytest.mark.parametrize("places", [[], [0], [1, 1], [-1], [-2, -1], [2, 9], [5, 5], 3])
def test_parts_that_do_not_overlap(places: Any) -> None:
    def function(x: Any) -> Any:
        parts = tg.split(x * x, indices_or_sections=places, axis=1)
        return tuple(part * (i + 1) for i, part in enumerate(parts))

    assert_gradients(function, X, order=3)


@pytest.mark.parametrize("used", [[0], [1], [2], [0, 2], [2, 1]])
def test_parts_that_are_not_used_have_a_gradient_of_zero(used: Any) -> None:
    def split(x: Any) -> Any:
        parts = tg.split(x * x, indices_or_sections=[2, 5], axis=1)
        return tuple(parts[i] for i in used)

    def unstack(x: Any) -> Any:
        parts = tg.unstack(x * x, axis=-1)
        return tuple(parts[i] for i in used)

    for function in (split, unstack):
        assert_gradients(function, np.arange(12.0).reshape(2, 6), order=3)


# --- joining


@pytest.mark.parametrize(
    "shapes",
    [
        [(), ()],
        [(), (2,)],
        [(2,), (0,)],
        [(2, 1), (2, 0), (2, 3)],
        [(2, 1, 3), (2, 2, 3)],
        [(3,)],
    ],
)
def test_side_by_side(shapes: Any) -> None:
    xs = [np.random.default_rng(0).normal(size=shape) for shape in shapes]
    np.testing.assert_array_equal(
        tg.hstack([Tensor(x) for x in xs]).data, np.hstack(xs)
    )
    assert_gradients(lambda *xs: tg.hstack([x * x for x in xs]), *xs, order=2)


@pytest.mark.parametrize(
    "shapes",
    [
        [(), ()],
        [(2,), (2,)],
        [(2,), (3, 2)],
        [(0, 2), (1, 2)],
        [(1, 2, 3), (2, 2, 3)],
        [(3,)],
    ],
)
def test_one_below_the_other(shapes: Any) -> None:
    xs = [np.asarray(np.random.default_rng(0).normal(size=shape)) for shape in shapes]
    np.testing.assert_array_equal(
        tg.vstack([Tensor(x) for x in xs]).data, np.vstack(xs)
    )
    assert_gradients(lambda *xs: tg.vstack([x * x for x in xs]), *xs, order=2)


def test_one_array_is_a_list_of_its_rows() -> None:
    for x in (X, Tensor(X)):
        assert tg.hstack(x).shape == np.hstack(X).shape == (6,)
        assert tg.vstack(x).shape == np.vstack(X).shape == (2, 3)
    assert tg.hstack(Tensor(X), X).shape == (2, 6)


# --- repeating


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3)])
@pytest.mark.parametrize(
    "reps", [0, 2, (), (1,), (2, 3), (2, 1, 1, 2), np.array([2, 2])]
)
def test_tiles(shape: Any, reps: Any) -> None:
    x = np.asarray(np.random.default_rng(0).normal(size=shape))
    np.testing.assert_array_equal(tg.tile(Tensor(x), reps).data, np.tile(x, reps))
    assert_gradients(lambda x: tg.tile(x * x, reps), x, order=2)


@pytest.mark.parametrize(
    ("repeats", "axis"),
    [
        (2, None),
        (0, 0),
        (3, -1),
        ([2], 0),
        ([1, 0, 3], 1),
        (np.array([2, 1]), 0),
        (Tensor([2, 1]), -2),
        (range(6), None),
    ],
)
def test_repeats(repeats: Any, axis: Any) -> None:
    counts = np.asarray(repeats)
    found = tg.repeat(Tensor(X), repeats, axis)
    np.testing.assert_array_equal(found.data, np.repeat(X, counts, axis))
    assert_gradients(lambda x: tg.repeat(x * x, repeats, axis), X, order=2)


def test_a_scalar_and_nothing_repeat_as_numpy_has_it() -> None:
    for axis in (None, 0, -1):
        assert tg.repeat(Tensor(3.0), 2, axis).tolist() == [3, 3]
    for repeats in (2, []):
        found = tg.repeat(Tensor(np.ones((0, 3))), repeats, axis=0)
        assert found.shape == (0, 3)


@pytest.mark.parametrize("dtype", ["int8", "bool", "float16", "float32"])
def test_dtypes_stay(dtype: str) -> None:
    x = Tensor(np.ones((2, 2), dtype))
    outs = [tg.tile(x, 2), tg.repeat(x, 2), tg.repeat(x, [1, 2], 0), tg.hstack([x, x])]
    assert {str(out.dtype) for out in outs} == {dtype}


# --- both


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.hstack([x, x]),
        lambda x: np.hstack(x),
        lambda x: np.vstack([X, x]),
        lambda x: np.tile(x, (2, 1)),
        lambda x: np.repeat(x, 2, axis=1),
        lambda x: np.repeat(x, [1, 2], axis=0),
    ],
)
def test_numpys_functions_of_tensors(call: Any) -> None:
    found = call(Tensor(X))
    assert isinstance(found, Tensor)
    np.testing.assert_array_equal(found.data, call(X))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tg.split(x, indices_or_sections=2, axis=1),
        lambda x: tg.split(x, indices_or_sections=1, axis=2),
        lambda x: tg.concatenate([x, x], axis=2),
        lambda x: tg.stack([x, x], axis=3),
        lambda x: tg.unstack(x, axis=-3),
        lambda x: tg.hstack([]),
        lambda x: tg.hstack([x, x[:1]]),
        lambda x: tg.vstack([x, x[0, :2]]),
        lambda x: tg.tile(x, -1),
        lambda x: tg.repeat(x, -1),
        lambda x: tg.repeat(x, [1, -1], axis=0),
        lambda x: tg.repeat(x, [1, 1, 1], axis=0),
        lambda x: tg.repeat(x, 2, axis=2),
    ],
)
def test_refusals(call: Any) -> None:
    for x in (X, Tensor(X, requires_grad=True)):
        with pytest.raises(ValueError):
            call(x)


def test_a_scalar_has_no_second_axis_to_repeat_along() -> None:
    with pytest.raises(ValueError):
        tg.repeat(Tensor(3.0), 2, axis=1)


@pytest.mark.parametrize("count", [1.5, [1.0, 2.0], Tensor([1.5, 2.0])])
def test_counts_are_integers(count: Any) -> None:
    with pytest.raises(TypeError):
        tg.tile(Tensor(X), count)
    with pytest.raises(TypeError):
        tg.repeat(Tensor(X), count, axis=0)


def test_counts_have_no_gradient() -> None:
    count = Tensor(2.0, requires_grad=True)
    for function in (tg.tile, tg.repeat):
        with pytest.raises(GraphError):
            function(Tensor(X), count)
