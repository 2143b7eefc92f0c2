"""PNG files hold the pixels that they were made of."""

import io
import struct
import zlib

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from tensorgrad.viz.png import png

SIDES = st.integers(1, 8)
PIXELS = st.tuples(SIDES, SIDES, st.just(4)).flatmap(
    lambda shape: nps.arrays(np.uint8, shape)
)


@given(PIXELS)
def test_chunks_are_whole_and_hold_the_pixels(pixels: NDArray[np.uint8]) -> None:
    file = io.BytesIO(png(pixels))
    assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    chunks = {}
    while length := file.read(4):
        kind = file.read(4)
        chunks[kind] = file.read(*struct.unpack(">I", length))
        assert file.read(4) == struct.pack(">I", zlib.crc32(kind + chunks[kind]))
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    rows = rows.reshape(height, 1 + 4 * width)
    assert not rows[:, 0].any()
    np.testing.assert_array_equal(rows[:, 1:].reshape(height, width, 4), pixels)


def test_another_program_reads_it() -> None:
    image = pytest.importorskip("matplotlib.image")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 4), np.uint8)
    read = image.imread(io.BytesIO(png(pixels)))
    np.testing.assert_array_equal(np.round(read * 255), pixels)
