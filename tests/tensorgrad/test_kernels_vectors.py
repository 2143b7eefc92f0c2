"""Vector instructions: they do what their definitions do, and write nowhere else."""

import os
from itertools import product

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit

from tensorgrad.kernels import numba_memory
from tensorgrad.kernels import numba_vectors as vectors

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled"
)
DTYPES = ["float32", "float64"]
GUARD = 7.25  # around what may be written


def guarded(shape, dtype):
    """Random numbers, and the memory that they lie in, with a guard on both sides."""
    size = int(np.prod(shape))
    memory = np.full(size + 256, GUARD, dtype)
    x = memory[128 : 128 + size].reshape(shape)
    x[:] = np.random.default_rng(size).standard_normal(shape)
    return x, memory


def assert_as_defined(name, *args):
    """Compiled, it changes what the definition changes, to the same values."""
    function = getattr(vectors, name)
    names = ", ".join(f"a{i}" for i in range(len(args)))
    scope = {"function": function}
    exec(f"def call({names}):\n    function({names})", scope)
    found, kept = zip(*map(copied, args), strict=True)
    expected, others = zip(*map(copied, args), strict=True)
    njit(scope["call"])(*found)
    function(*expected)
    for one, other in zip(kept, others, strict=True):
        if one is not None:
            np.testing.assert_allclose(one, other, 1e-5, 1e-5)


def copied(x):
    """Another array of those numbers, and the guarded memory that it lies in."""
    if not isinstance(x, np.ndarray):
        return x, None
    other, memory = guarded(x.shape, x.dtype)
    other[:] = x
    return other, memory


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("name", ["multiply_tile", "multiply_narrow_tile"])
@pytest.mark.parametrize("terms", [(0, 0), (0, 1), (0, 5), (2, 4)])
def test_a_tile_of_a_product(dtype, more, name, terms):
    across, rows = vectors.columns(np.empty(0, dtype)), vectors.ROWS
    strips, panels = (guarded((2, 5, across), dtype)[0] for _ in range(2))
    out, _ = guarded((2 * rows + 1, 2 * across + 3), dtype)
    row = np.broadcast_to(guarded((1, out.shape[1]), dtype)[0], out.shape)
    for m, base in product(range(0, 2 * across, rows), (out, row)):
        args = strips, m, panels, 1, terms, out, (rows, 2), base, more
        assert_as_defined(name, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_is_copied_and_filled_up_with_zeros(dtype):
    across = vectors.columns(np.empty(0, dtype))
    x, panels = guarded((3, across + 4), dtype)[0], guarded((2, 3, across), dtype)[0]
    for count in -5, 0, 1, across - 1, across, across + 4:
        place = (2, 0) if count > across else (2, across + 4 - max(0, count))
        assert_as_defined("copy_row", x, place, max(0, count), panels, (1, 1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_square_is_turned_and_filled_up_with_zeros(dtype):
    side, across = (f(np.empty(0, dtype)) for f in (vectors.lanes, vectors.columns))
    x = guarded((across, side + 3), dtype)[0].T
    panels = guarded((2, side + 2, across), dtype)[0]
    for rows in 1, side - 1, side, side + 2:
        for width in 0, 1, side - 1, side, across:
            args = x, (1, 0), (rows, width), panels, (1, 0, across - side)
            function = vectors.copy_square
            expected = panels.copy()
            function(x, *args[1:3], expected, args[4])
            found = panels.copy()
            turned(np.asfortranarray(x), *args[1:3], found, args[4])
            np.testing.assert_array_equal(found, expected)


@njit  # anew each time: kernels come from the disk
def turned(x, place, counts, panels, corner):
    vectors.copy_square(x, place, counts, panels, corner)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_line_is_copied_with_a_factor(dtype):
    x = guarded((3, 40), dtype)[0]
    for width in 0, 1, 15, 16, 33, 40:
        out = guarded((3, width), dtype)[0]
        assert_as_defined("copy_line", x, 1, out, 2, np.dtype(dtype).type(-1.5))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["highest", "sums", "dots"])
def test_down_the_columns(dtype, name):
    across = vectors.columns(np.empty(0, dtype))
    for rows in 0, 1, 6:
        x, y = (guarded((rows, across), dtype)[0] for _ in range(2))
        if rows > 1:
            x[1, :3] = np.nan, np.inf, -np.inf
        inputs = (x, y) if name == "dots" else (x,)
        with np.errstate(invalid="ignore"):
            assert_as_defined(name, *inputs, guarded((across,), dtype)[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_number_is_subtracted_from_each_column(dtype):
    across = vectors.columns(np.empty(0, dtype))
    for rows in 0, 1, 6:
        x, shift = (guarded(shape, dtype)[0] for shape in [(rows, across), (across,)])
        shift[:3] = np.nan, np.inf, 0
        assert_as_defined("subtract", x, shift)


def test_memory_is_lent_and_shaped():
    memory, _ = guarded((40,), "float32")
    found = np.zeros(3)
    read(memory, found)
    assert found.tolist() == [
        memory[23],
        vectors.columns(memory),
        vectors.lanes(memory),
    ]


def test_memory_in_parts() -> None:
    memory, _ = guarded((40,), "float32")
    first, second = numba_memory.parts(memory, (9, 20))
    assert [len(first), len(second)] == [9, 20]
    found = np.zeros(4)
    read_parts(memory, found)
    assert found.tolist() == [len(first), first[8], len(second), second[19]]


@njit  # anew each time: kernels come from the disk
def read_parts(memory, out):
    first, second = numba_memory.parts(memory, (9, 20))
    out[0], out[1], out[2], out[3] = len(first), first[8], len(second), second[19]


@pytest.mark.parametrize(
    "shape", [(2, 1, 3), (1, 4, 3), (2, 4, 3), (1, 1, 1), (0, 1, 3)]
)
def test_an_array_is_spread(shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    wanted = (shape[0] if shape[0] != 1 else 2, 4, 3)
    found = np.zeros(wanted, np.float32)
    read_spread(x, found)
    np.testing.assert_array_equal(found, numba_memory.spread(x, wanted))


@njit  # anew each time: kernels come from the disk
def read_spread(x, out):
    out[:] = numba_memory.spread(x, out.shape)


@njit  # anew each time: kernels come from the disk
def read(memory, out):
    x = numba_memory.shaped(numba_memory.lent(memory), (2, 3, 4))
    out[0], out[1], out[2] = x[1, 2, 3], vectors.columns(x), vectors.lanes(x)
