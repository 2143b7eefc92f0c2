"""What a notebook shows of a tensor."""

from base64 import b64decode
from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.graph import next_order
from tensorgrad.viz import notebook
from tests.well_formed import Reader

DTYPES = [bool, np.uint8, np.int64, np.float16, np.float32, np.float64, np.longdouble]


def arrays(max_side: int = 4) -> st.SearchStrategy[NDArray[Any]]:
    """Of any dtype, 0-d and empty ones, NaN and infinities among their numbers."""
    shapes = nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=max_side)
    return st.sampled_from(DTYPES).flatmap(lambda d: nps.arrays(d, shapes))


def drawn(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.random.default_rng(0).standard_normal(shape)


@given(arrays())
def test_every_number_of_a_small_tensor_is_there(array: NDArray[Any]) -> None:
    shown = Reader(Tensor(array)._repr_html_())
    assert shown.text.startswith(f"Tensor {array.shape} · {array.dtype}")
    if array.size <= notebook.ROWS:  # in whatever shape, it has that many rows at most
        assert shown.tags.count("td") == array.size
        numbers = [notebook.text(x) for x in array.ravel().tolist()]
        assert shown.text.split()[-array.size :] == numbers or not numbers


@given(arrays(), st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_a_heat_map_of_anything(array: NDArray[Any], repeats: tuple[int, int]) -> None:
    shape = tuple(max(1, n) for n in array.shape[-2:])
    large = np.tile(np.resize(array, shape), repeats)
    shown = Reader(notebook.heat_map(np.atleast_2d(large)))
    picture = shown.attributes[shown.tags.index("img")]
    head, _, body = str(picture["src"]).partition(",")
    assert head == "data:image/png;base64"
    assert b64decode(body).startswith(b"\x89PNG")
    for name, found in (("NaN", np.isnan(large)), ("infinite", np.isinf(large))):
        assert (f"{found.sum()} {name}" in shown.text) == bool(found.any())


@given(st.booleans(), arrays())
def test_to_be_shown_changes_nothing(recording: bool, array: NDArray[Any]) -> None:
    x = Tensor(array)
    if recording and array.dtype.kind == "f":
        x = Tensor(array, requires_grad=True) * 1.0
    before, node, order = x.data.copy(), x.node, next_order()
    first = x._repr_html_()
    assert next_order() == order + 1  # nothing was recorded between
    assert x.node is node
    assert x.grad is None
    np.testing.assert_array_equal(x.data, before)
    assert x._repr_html_() == first
    address = x._data.ctypes.data
    with tg.no_grad():
        x[...] = 1
    assert x._data.ctypes.data == address  # nothing holds it, so it is not copied


def test_names_are_escaped() -> None:
    name = "<script>&"

    def op(x: Any) -> Any:
        return x

    op.__name__ = name
    called = tg.primitive(op)
    called.gradient(x=lambda g: g)
    kind = type(name, (Tensor,), {"__slots__": ()})
    for x in (called(Tensor(1.0, requires_grad=True)), kind(1.0)):
        shown = Reader(x._repr_html_())
        assert name in shown.text
        assert "script" not in shown.tags


def test_what_it_is_in_the_graph() -> None:
    x = Tensor([1.0], requires_grad=True)
    assert "requires_grad" in Reader(x._repr_html_()).text
    assert "op multiply" in Reader((x * x)._repr_html_()).text
    assert Reader(x.detach()._repr_html_()).text == "Tensor (1,) · float32 1"


@pytest.mark.parametrize("shape", [(13, 2), (2, 11), (200,), (3, 5, 7), (1000, 2000)])
def test_large_ones_are_pictures_of_bounded_size(shape: tuple[int, ...]) -> None:
    html = Tensor(drawn(shape))._repr_html_()
    assert Reader(html).tags.count("img") == 1
    assert len(html) < 5 * notebook.TALL * notebook.WIDE * 4 / 3


def test_steps_are_said() -> None:
    text = Reader(notebook.heat_map(drawn((65, 600)))).text
    assert text.endswith("1 row in 2 · 1 column in 3")


@given(arrays().filter(lambda a: a.size > 0))
def test_colours_have_the_sign_and_order_of_the_numbers(array: NDArray[Any]) -> None:
    with np.errstate(all="ignore"):  # float64 has no place for some of longdouble's
        numbers = array.astype(np.float64).ravel()
    depth = notebook.strength(numbers)
    assert np.array_equal(np.isnan(depth), np.isnan(numbers))
    known = ~np.isnan(numbers)
    assert (np.abs(depth[known]) <= 1).all()
    ordered = depth[known][np.argsort(numbers[known], kind="stable")]
    assert (np.diff(ordered) >= 0).all()
    colours = notebook.pixels(depth[None])[0]
    for x, (*colour, opacity) in zip(depth, colours.tolist(), strict=True):
        if np.isnan(x):
            assert (tuple(colour), opacity) == (notebook.UNKNOWN, 255)
        elif opacity:
            assert tuple(colour) == (notebook.ABOVE if x > 0 else notebook.BELOW)
