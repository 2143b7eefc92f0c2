"""Packed weights are the same weights, in one block until they are written to."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import Linear, Sequential, init, packing
from nn.packing import LINE, pack
from nn.published.weight_files import WeightFiles, write_weights
from nn.state import hold
from tensorgrad import Tensor


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LEAST", 1)


def model() -> Sequential:
    made = Sequential(Linear(3, 5, rng=0), Linear(5, 2, bias=False, rng=1))
    made.append(Linear(2, 5, rng=2).to(np.float64))
    made[2].weight = made[2].weight
    return made


def test_values_gradients_and_what_was_seen_before_stay() -> None:
    packed, twin = model(), model()
    packed[0].weight._data = np.asfortranarray(packed[0].weight._data)
    packed[0](Tensor(np.ones((1, 3)))).sum().backward()
    before, grad = packed.state_dict(), packed[0].weight.grad
    pack(packed)
    after = packed.state_dict()
    for name, array in twin.state_dict().items():
        assert after[name].dtype == array.dtype
        assert after[name].flags.c_contiguous
        assert after[name].ctypes.data % LINE == after["0.weight"].ctypes.data % LINE
        np.testing.assert_array_equal(after[name], array)
        np.testing.assert_array_equal(before[name], array)
    assert packed[0].weight.grad is grad
    assert len({id(p._data.base) for p in packed.parameters()}) == 1


def test_a_write_changes_one_tensor_and_no_other() -> None:
    packed, twin = model(), model()
    pack(packed)
    block = packed[0].weight._data.base
    pack(packed)
    assert packed[0].weight._data.base is block  # once is enough
    held = packed[0].weight.data
    init.zeros_(packed[0].weight)
    assert not packed[0].weight.data.any()
    np.testing.assert_array_equal(held, twin[0].weight.data)
    for name, array in list(twin.state_dict().items())[1:]:
        np.testing.assert_array_equal(packed.state_dict()[name], array)
    pack(packed)  # what has moved comes back
    assert packed[0].weight._data.base is not block
    assert not packed[0].weight.data.any()


def test_mapped_weights_are_read_once_and_their_pages_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped, twin = model(), model()
    write_weights(tmp_path / "weights", twin.state_dict())
    file = WeightFiles(tmp_path / "weights")
    for name, parameter in mapped.named_parameters():
        hold(parameter, file.entries[name].read())
    held = mapped[0].weight.data  # comes from the file again
    given = []
    really = packing.discard

    def discard(*place: Any) -> None:
        given.append(place)
        really(*place)

    monkeypatch.setattr(packing, "discard", discard)
    pack(mapped)
    assert len(given) == len(list(mapped.parameters()))
    assert len({id(p._data.base) for p in mapped.parameters()}) == 1
    np.testing.assert_array_equal(held, twin[0].weight.data)
    for name, array in twin.state_dict().items():
        np.testing.assert_array_equal(mapped.state_dict()[name], array)


def test_tiny_and_large_models_stay_where_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ("LEAST", 1 << 20), ("MOST", 1), ("LARGE", 1):
        left = model()
        with monkeypatch.context() as patch:
            patch.setattr(packing, name, value)
            pack(left)
        assert all(p._data.base is None for p in left.parameters())
        pack(left)  # it was that limit alone
        assert not any(p._data.base is None for p in left.parameters())
    empty = Sequential()
    pack(empty)
