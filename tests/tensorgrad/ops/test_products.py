"""Products beside NumPy's: what they take, what they refuse, and one tensor twice."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import ShapeError
from tensorgrad.testing import gradcheck

rng = np.random.default_rng(0)
A, B, C = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4, 3))
V = rng.normal(size=3)
D = rng.normal(size=(2, 4, 3, 2))
CALLS = {
    "dot": [(V, V), (A, V), (A, B), (V, B), (C, V), (C, B), (2.0, A), (A, 2.0), (A, D)],
    "inner": [(V, V), (A, V), (V, A), (A, C), (C, C), (2.0, A), (A, 2), (D, D)],
    "outer": [(V, V), (A, C), (2.0, V), (V, 2.0), (V[:0], V), (V, V[:0])],
}
EVERY_CALL = [(name, xs) for name, cases in CALLS.items() for xs in cases]


@pytest.mark.parametrize(("name", "xs"), EVERY_CALL)
def test_ranks_as_numpy_has_them(name: str, xs: Any) -> None:
    function, expected = getattr(tg, name), getattr(np, name)(*xs)
    tensors = [Tensor(x) if isinstance(x, np.ndarray) else x for x in xs]
    for found in (function(*xs), function(*tensors).data):
        np.testing.assert_allclose(found, expected, rtol=1e-13)
        assert np.shape(found) == expected.shape
    assert not isinstance(function(*xs), Tensor)
    dispatched = getattr(np, name)(*tensors)
    assert isinstance(dispatched, Tensor)
    np.testing.assert_array_equal(dispatched.data, function(*tensors).data)


@pytest.mark.parametrize(("name", "xs"), EVERY_CALL)
def test_lists_and_numbers_do_not_decide_the_dtype(name: str, xs: Any) -> None:
    function = getattr(tg, name)
    x, y = [x.tolist() if isinstance(x, np.ndarray) else x for x in xs]
    np.testing.assert_allclose(function(x, y), getattr(np, name)(x, y))
    for pair in [(Tensor(x, dtype="f4"), y), (x, Tensor(y, dtype="f4"))]:
        assert function(*pair).dtype == np.float32
    assert function(np.float64(2), Tensor(V, dtype="f4")).dtype == np.float32


def test_an_integer_tensor_times_a_number_is_not_rounded() -> None:
    assert tg.outer(Tensor([1, 2]), 2.5).tolist() == [[2.5], [5.0]]
    assert tg.dot(Tensor([1, 2]), 2).dtype.kind == "i"


def test_tensordot_takes_axes_in_all_of_numpys_ways() -> None:
    x, y = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 3, 2))
    pairs: list[Any] = [0, 1, (-1, 0), ([0, 2], [2, 0]), ((1, -1), (1, -3)), ([], [])]
    pairs += [([2, 0], [0, 2]), ((-1, 1, 0), (0, 1, 2))]
    for axes in [*pairs, np.int64(1)]:
        expected = np.tensordot(x, y, axes)
        np.testing.assert_allclose(tg.tensordot(x, y, axes), expected)
        np.testing.assert_allclose(np.tensordot(Tensor(x), y, axes=axes), expected)
    assert tg.tensordot(x, Tensor(x[0, ..., None])).shape == (2, 1)  # over two axes


@pytest.mark.parametrize(
    ("subscripts", "xs"),
    [
        ("...ij,...jk->...ik", (D, B[:2])),
        ("...ij,...kj->...ik", (D[0], D)),
        ("i...,...i", (V, C)),
        ("ba", (A,)),
        ("cB,Ba", (A.T, A)),
        ("bb,ab->a", (A[:, :2], B[:, :2])),
        ("...b,bA->...A", (C, B)),
    ],
)
def test_sums_by_labels(subscripts: str, xs: Any) -> None:
    found = tg.einsum(subscripts, *map(Tensor, xs))
    np.testing.assert_allclose(found.data, np.einsum(subscripts, *xs))
    gradcheck(lambda *xs: tg.einsum(subscripts, *xs) ** 2, *xs, order=3)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", ((16, 20), (20, 17))),
        ("ij,kj->ki", ((16, 20), (17, 20))),
        ("abij,ajbk->kaib", ((2, 3, 8, 9), (2, 9, 3, 8))),
        ("ijk,kjl->li", ((9, 6, 5), (5, 6, 9))),
        ("ij,j->i", ((2, 256), (256,))),
        ("ij,ij->", ((16, 17), (16, 17))),
        ("ij,jk->ik", ((16, 17), (1, 260))),  # the j of the second is stretched
        ("ij,ij->i", ((16, 17), (16, 17))),  # and these are no matrices
        ("ij,k->k", ((16, 17), (256,))),
        ("ii,ij->ij", ((16, 16), (16, 17))),
        ("ij,kl->ijkl", ((16, 16), (16, 16))),
    ],
)
def test_large_sums_by_labels_are_those_of_small_ones(
    subscripts: str, shapes: Any
) -> None:
    xs = [rng.normal(size=shape) for shape in shapes]
    found = tg.einsum(subscripts, *map(Tensor, xs))
    np.testing.assert_allclose(found.data, np.einsum(subscripts, *xs), atol=1e-13)
    g = rng.normal(size=found.shape)
    leaves = [Tensor(x, requires_grad=True) for x in xs]
    out = (tg.einsum(subscripts, *leaves) * g).sum()
    for one, x in zip(grad(out, leaves), xs, strict=True):
        # linear in each: the gradient times x is the value
        np.testing.assert_allclose((one.data * x).sum(), out.item(), rtol=1e-9)


@pytest.mark.parametrize("one", range(3))
@pytest.mark.parametrize("name", ["linear", "einsum"])
def test_one_wide_input_makes_the_product_wide(name: str, one: int) -> None:
    xs = [A, A, V[:2]]
    xs = [Tensor(x, dtype="f8" if i == one else "f4") for i, x in enumerate(xs)]
    if name == "linear":
        assert tg.linear(*xs).dtype == np.float64
    else:
        assert tg.einsum("ij,kj,k->i", *xs).dtype == np.float64


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tg.dot(x, x),
        lambda x: tg.dot(x, tg.stack([x, x * x])),
        lambda x: tg.inner(x, x),
        lambda x: tg.inner(x, x[0]) * tg.inner(x[1], x),
        lambda x: tg.outer(x, x * x),
        lambda x: tg.tensordot(x, x),
        lambda x: tg.tensordot(x, x, axes=([0], [1])),
        lambda x: tg.tensordot(x, x, axes=0),
    ],
)
def test_one_tensor_on_both_sides(function: Any) -> None:
    gradcheck(function, rng.normal(size=(3, 3)), order=3)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: tg.dot(A, A),
        lambda: tg.dot(A, C),
        lambda: tg.inner(A, B),
        lambda: tg.tensordot(A, B, axes=2),
        lambda: tg.tensordot(A, A, axes=(0, 1)),
        lambda: tg.tensordot(A, A, axes=([0, 1], [0])),
        lambda: tg.matmul(A, A),
        lambda: tg.matmul(np.ones((2, 3, 3)), np.ones((3, 3, 3))),
        lambda: Tensor(A) @ 2.0,
        lambda: 2.0 @ Tensor(A),
    ],
)
def test_shapes_that_do_not_fit(wrong: Any) -> None:
    with pytest.raises(ShapeError, match=r"matmul: \(|tensordot: axes \("):
        wrong()


@pytest.mark.parametrize("axes", [(0, 5), ([0, 0], [0, 1]), 1.5])
def test_axes_that_do_not_exist(axes: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        tg.tensordot(A, A, axes=axes)
