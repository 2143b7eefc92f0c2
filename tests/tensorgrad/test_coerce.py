"""What users pass: settings that hold Tensors, lists, and numbers."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import DtypeError, GraphError
from tests.tensorgrad.checks import vector


@pytest.mark.parametrize("start", [Tensor(0), np.array(0)], ids=["Tensor", "array"])
def test_an_index_keeps_the_value_that_it_had(start: Any) -> None:
    x, i = vector(1.0, 2.0, 3.0), start
    total: Any = 0.0
    for _ in range(2):
        total = total + (x[i : i + 1] * 10.0).sum()
        i += 1
    total.backward()
    assert x.grad.tolist() == [10, 10, 0]


def test_an_index_inside_a_tuple_keeps_its_value_too() -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    t = Tensor([0, 1])
    y = x[0, t]
    t[0] = 2
    y.sum().backward()
    assert x.grad.tolist() == [[1, 1, 0], [0, 0, 0]]


def test_a_tracked_index_is_refused() -> None:
    with pytest.raises(GraphError, match="detach"):
        vector(1.0, 2.0)[vector(0.0)]


def test_lists_are_arrays() -> None:
    assert np.array_equal(tg.add([1.0, 2.0], [3.0, 4.0]), [4, 6])
    assert np.array_equal(tg.multiply([1.0, 2.0], 2.0), [2, 4])
    assert np.array_equal(tg.greater([1, 5], [3, 4]), [False, True])
    assert np.allclose(tg.softmax([0.0, 0.0]), 0.5)
    assert tg.reshape([1, 2], shape=(2, 1)).shape == (2, 1)
    assert tg.erf(0.0) == 0


@pytest.mark.parametrize("op", [tg.softmax, tg.log_softmax, tg.layer_norm, tg.erf])
def test_kernels_need_floats(op: Any) -> None:
    with pytest.raises(DtypeError, match=r"floats.*astype"):
        op(Tensor([1, 2]))


def test_kernels_run_in_the_common_dtype_whatever_the_size() -> None:
    for n in (2, 200):
        q, k = (Tensor(np.ones((n, n), dtype)) for dtype in ("float32", "float64"))
        assert tg.attention(q, k, k).dtype == np.float64
        assert tg.layer_norm(q, k[0]).dtype == np.float64
