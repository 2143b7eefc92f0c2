"""Sinusoids beside the paper's formula, and positions that are added."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.transformer import (
    LearnedPositions,
    SinusoidalPositions,
    sinusoid_halves,
    sinusoids,
)
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError
from tests.nn.transformer.beside import waves

evens = st.integers(1, 12).map(lambda n: 2 * n)


@given(st.integers(0, 40), evens)
def test_sinusoids_are_the_papers(length: int, d_model: int) -> None:
    table = sinusoids(length, d_model)
    assert table.dtype == np.float64
    np.testing.assert_allclose(table, waves(length, d_model), rtol=0, atol=1e-12)


@given(st.integers(0, 500), st.integers(0, 500), evens)
def test_a_later_position_is_an_earlier_one_turned(p: int, k: int, d: int) -> None:
    """By the angles k / 10000^(2i / d), one for each pair of sine and cosine."""
    table = sinusoids(p + k + 1, d)
    angles = k / 10000 ** (np.arange(0, d, 2) / d)
    sine, cosine = table[p, 0::2], table[p, 1::2]
    turned = np.stack(
        [
            sine * np.cos(angles) + cosine * np.sin(angles),
            cosine * np.cos(angles) - sine * np.sin(angles),
        ],
        axis=-1,
    )
    np.testing.assert_allclose(table[p + k], turned.ravel(), rtol=0, atol=1e-11)


def test_no_two_positions_are_alike_and_neighbours_are_close() -> None:
    table = sinusoids(200, 32)
    distances = np.linalg.norm(table[:, None] - table[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > 0.1
    steps = np.diagonal(distances, 1)
    np.testing.assert_allclose(steps, steps[0])  # each step turns by the same angles


@given(st.integers(0, 40), evens)
def test_halves_are_all_sines_then_all_cosines_in_float32(
    length: int, d_model: int
) -> None:
    halves, table = sinusoid_halves(length, d_model), sinusoids(length, d_model)
    assert halves.dtype == np.float32
    order = [*range(0, d_model, 2), *range(1, d_model, 2)]
    np.testing.assert_array_equal(halves, table[:, order].astype(np.float32))


@pytest.mark.parametrize("halves", [False, True])
def test_rows_are_made_when_they_are_asked_for(halves: bool) -> None:
    module = SinusoidalPositions(10**9, 4, halves=halves)
    x = Tensor(np.zeros((1, 1, 4)))
    expected = (sinusoid_halves if halves else sinusoids)(41, 4)
    for places, rows in ([3], 4), ([0], 4), ([4], 8), ([40], 41), ([9], 41):
        found = module(x, places).data[0]
        np.testing.assert_array_equal(found, expected[places])
        assert len(module.table) == rows
    short = SinusoidalPositions(5, 4, halves=halves)
    short(x, [3])
    short(x, [4])
    assert len(short.table) == 5


def test_sinusoids_come_in_pairs() -> None:
    with pytest.raises(ConfigError, match="d_model=5"):
        sinusoids(3, 5)
    with pytest.raises(ConfigError, match="d_model=5"):
        SinusoidalPositions(3, 5)
    with pytest.raises(ConfigError, match="max_length=0"):
        SinusoidalPositions(0, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [SinusoidalPositions, LearnedPositions])
def test_positions_are_added_row_by_row_in_the_dtype_of_x(
    kind: Any, dtype: Any
) -> None:
    module = kind(7, 4).to(dtype)
    table = module(Tensor(np.zeros((7, 4), dtype)), np.arange(7)).data
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(dtype)
    places = np.array([[0, 1, 2], [4, 5, 6]])
    one, each = module(Tensor(x), places[1]), module(Tensor(x), places)
    assert one.dtype == each.dtype == dtype
    np.testing.assert_array_equal(one.data, x + table[places[1]])
    np.testing.assert_array_equal(each.data, x + table[places])


def test_sinusoids_are_neither_trained_nor_saved_and_learned_ones_are_both() -> None:
    fixed, learned = SinusoidalPositions(7, 4), LearnedPositions(7, 4, rng=0)
    assert fixed.state_dict() == {} == dict(fixed.named_parameters())
    assert list(learned.state_dict()) == ["embedding.weight"]
    x = Tensor(np.zeros((2, 3, 4), np.float32))
    learned(x, np.array([1, 1, 2])).sum().backward()
    grad = learned.embedding.weight.grad.data
    np.testing.assert_array_equal(grad[:, 0], [0, 4, 2, 0, 0, 0, 0])


def test_a_position_past_the_table_is_an_error() -> None:
    x = np.zeros((1, 1, 4), np.float32)
    with pytest.raises(IndexError):
        SinusoidalPositions(7, 4)(x, [7])
    with pytest.raises(ShapeError, match="7"):
        LearnedPositions(7, 4)(x, [7])
