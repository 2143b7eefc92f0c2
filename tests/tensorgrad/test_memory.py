"""alone(): the count that guards every write must see every kind of holder."""

from typing import Any

import numpy as np
import pytest

from tensorgrad import Tensor
from tensorgrad.memory import alone


class Box:
    """One container, as a Tensor is."""

    def __init__(self, array: Any) -> None:
        self.array = array


# The results have names: pytest holds on to what an assertion's expression reads.


def test_one_container_is_alone() -> None:
    box, listed, named = Box(np.zeros(3)), [np.zeros(3)], {"x": np.zeros(3)}
    found = [alone(box.array), alone(listed[0]), alone(named["x"])]
    assert found == [True] * 3


@pytest.mark.parametrize(
    "hold",
    [
        lambda a: a,
        lambda a: a[1:],
        lambda a: a.reshape(3, 1),
        lambda a: a.view(),
        lambda a: (a,),
        lambda a: memoryview(a),
        lambda a: np.frombuffer(a),
        lambda a: a.__dlpack__(),
        lambda a: np.from_dlpack(a),
        lambda a: np.broadcast_to(a, (2, 3)),
        lambda a: a.flat,
        lambda a: lambda: a,
        lambda a: Box(a),
    ],
)
def test_every_second_holder_is_seen(hold: Any) -> None:
    box = Box(np.zeros(3))
    holder = hold(box.array)
    while_held = alone(box.array)
    del holder
    afterwards = alone(box.array)
    assert (while_held, afterwards) == (False, True)


def test_a_view_and_what_is_no_array_are_never_alone() -> None:
    for held in (np.zeros(3)[1:], np.float64(1.0), [0.0], None):
        box = Box(held)
        del held
        assert not alone(box.array)


def test_the_graph_is_a_holder() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    y = x + 1.0  # an addition saves nothing
    before = alone(y._data)
    z = y * y
    saved = alone(y._data)
    z.sum().backward()
    freed = alone(y._data)
    assert (before, saved, freed) == (True, False, True)
    exponential = x.exp()
    by_its_own_node = alone(exponential._data)
    assert not by_its_own_node
