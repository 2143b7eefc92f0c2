"""What the strategies promise of the values that they draw."""

import subprocess
import sys
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import find, given

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor
from tensorgrad.errors import ConfigError, DtypeError, InputError
from tensorgrad.testing import strategies
from tensorgrad.testing.domains import DOMAINS, Domain
from tensorgrad.testing.programs import programs
from tensorgrad.testing.strategies import (
    arrays,
    broadcastable_tensors,
    indices,
    inputs_for,
    shapes,
    tensors,
)

intervals = st.sampled_from([(-2.0, 2.0), (0.3, 2.0), (-1.0, 3.0), (0.0, 1e-3)])


@given(data=st.data(), interval=intervals)
def test_no_two_numbers_are_equal_and_none_is_zero(data: Any, interval: Any) -> None:
    low, high = interval
    x = data.draw(arrays(low=low, high=high))
    assert x.dtype == np.float64
    assert ((low <= x) & (x <= high)).all()
    assert len({*x.flat, 0.0}) == x.size + 1


@given(arrays((30, 30)))
def test_large_arrays_have_more_digits(x: np.ndarray) -> None:
    assert x.shape == (30, 30)
    assert len({*x.flat}) == 900


def test_arrays_shrink_to_few_simple_numbers() -> None:
    assert find(arrays(), lambda x: True).tolist() == -1.0
    assert find(arrays((5,)), lambda x: True).tolist() == [-1.0, 1.0, -1.5, 0.5, -0.5]
    scattered = find(arrays((2,)), lambda x: x[0] > 0)  # not as the simplest array is
    assert scattered.tolist() == scattered.round(2).tolist()


@given(arrays((4,), elements=st.sampled_from([0.0, 1.0]), dtype=np.float32))
def test_elements_of_ones_own(x: np.ndarray) -> None:
    assert x.dtype == np.float32
    assert {*x.tolist()} <= {0.0, 1.0}


@given(arrays((2,), low=0.5, high=0.5))
def test_an_interval_may_be_a_point(x: np.ndarray) -> None:
    assert x.tolist() == [0.5, 0.5]


@given(data=st.data(), dtype=st.sampled_from(["f4", "f8"]), tracked=st.booleans())
def test_tensors_are_leaves_of_the_dtype(data: Any, dtype: str, tracked: bool) -> None:
    x = data.draw(tensors(shapes(min_dims=1), dtype=dtype, requires_grad=tracked))
    assert isinstance(x, Tensor)
    assert (x.dtype, x.requires_grad, x.is_leaf) == (dtype, tracked, True)
    assert x.ndim > 0
    assert x.size > 0
    either = data.draw(tensors((2,), dtype=st.sampled_from([np.float32, np.float64])))
    assert either.dtype in (np.float32, np.float64)


def test_empty_tensors_are_for_the_asking() -> None:
    find(tensors(shapes(min_side=0)), lambda x: x.size == 0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"low": 1.0, "high": 0.0}, ConfigError, r"low=1.0 must not be above high=0.0"),
        ({"dtype": np.int64}, DtypeError, "float64 or float32, not int64"),
    ],
)
def test_what_makes_no_sense_is_refused(
    options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        find(arrays(**options), lambda x: True)


@given(broadcastable_tensors(3, low=0.1))
def test_shapes_broadcast(xs: Any) -> None:
    assert len(xs) == 3
    assert (xs[0] + xs[1] + xs[2]).requires_grad
    assert all((x.data >= 0.1).all() for x in xs)


@given(data=st.data(), shape=shapes(min_side=0))
def test_indices_are_valid(data: Any, shape: Any) -> None:
    x = np.zeros(shape)
    key = data.draw(indices(shape))
    assert tg.getitem(Tensor(x), key=key).shape == x[key].shape


@pytest.mark.parametrize("op", ["matmul", tg.matmul, REGISTRY["matmul"]])
@given(data=st.data())
def test_inputs_suit_the_op(op: Any, data: Any) -> None:
    inputs, settings = data.draw(inputs_for(op))
    np.testing.assert_array_equal(
        tg.matmul(*inputs, **settings), np.matmul(*inputs, **settings)
    )


def test_an_unknown_op_hears_what_comes_close_and_how_to_give_its_own() -> None:
    with pytest.raises(InputError, match=r"'matmul'.*DOMAINS\['matmull'\] = Domain"):
        inputs_for("matmull")

    def swish(x: Any) -> Any:
        return x * tg.sigmoid(x)

    with pytest.raises(InputError, match=r"no domain for an op 'swish'"):
        inputs_for(swish)


def test_ops_of_ones_own_are_drawn_from_their_domain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = st.tuples(st.just([np.array(2.0)]), st.just({}))
    monkeypatch.setitem(DOMAINS, "swish", Domain(cases, lambda x: x))
    assert find(inputs_for("swish"), lambda case: True) == ([2.0], {})


@pytest.mark.parametrize("module", ["strategies", "programs"])
def test_without_hypothesis_it_says_what_to_install(module: str) -> None:
    code = f"""
import sys
sys.modules["hypothesis"] = None
from tensorgrad.errors import MissingExtra
try:
    import tensorgrad.testing.{module}
except MissingExtra as error:
    assert "tensorgrad[testing]" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_programs_are_among_them() -> None:
    assert strategies.programs is programs
