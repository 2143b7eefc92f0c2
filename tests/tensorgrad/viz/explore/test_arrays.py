"""How arrays are kept in a page."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as hnp

from tensorgrad.viz.explore.arrays import DIGITS, MANY, SIDE, WHOLE, Arrays, encoded

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)
ANY = hnp.arrays(st.sampled_from([np.float32, np.float64, np.int64, np.bool_]), SHAPES)


@given(ANY)
def test_small_arrays_are_kept_whole_and_large_ones_in_extract(x: np.ndarray) -> None:
    item = encoded(x)
    assert item["shape"] == list(x.shape)
    assert item["dtype"] == str(x.dtype)
    if x.size <= WHOLE:
        back = np.array([float(y) for y in item["data"]]).reshape(x.shape)
        np.testing.assert_allclose(back, x.astype(float), rtol=10.0 ** (1 - DIGITS))
    else:
        map_ = item["map"]
        assert len(map_["data"]) == map_["rows"] * map_["columns"]
        assert max(map_["rows"], map_["columns"]) <= SIDE


def test_a_map_holds_means_and_extremes() -> None:
    x = np.arange(48 * 48.0).reshape(48, 48)
    x[0, 0] = np.nan
    item = encoded(x)
    assert item["bad"] == 1
    assert (item["low"], item["high"]) == (1, 48 * 48 - 1)
    assert item["map"]["data"][0] == "nan"
    assert item["map"]["data"][1] == x[:2, 2:4].mean()
    assert item["map"]["data"][-1] == x[-2:, -2:].mean()


def test_arrays_of_large_programs_are_kept_in_less_detail() -> None:
    few, many = Arrays(MANY), Arrays(MANY + 1)
    for arrays in (few, many):
        arrays.add(np.arange(100.0))
        arrays.add(np.ones((99, 99)))
    assert len(few.items[0]["data"]) == 100
    assert [len(item["map"]["data"]) for item in many.items] == [8, 64]


def test_equal_arrays_are_kept_once() -> None:
    arrays = Arrays()
    first = arrays.add(np.ones(3))
    assert arrays.add(np.ones(3)) == first
    assert arrays.add(np.ones(3, np.float32)) != first
    large = arrays.add(np.ones(3000))
    assert arrays.add(np.ones(3000)) == large
    assert arrays.add(None) is None
    assert len(arrays.items) == 3
