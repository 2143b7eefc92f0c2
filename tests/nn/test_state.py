"""Buffers: found, saved, loaded, converted, and never trained."""

import copy
from typing import Any

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn import Buffer, Linear, Module
from nn.state import hold
from tensorgrad import Tensor
from tensorgrad.errors import DefinitionError, GraphError, StateDictError


class Counter(Module):
    """A layer that counts its calls and scales by a table."""

    def __init__(self) -> None:
        self.linear = Linear(2, 2, rng=0)
        self.register_buffer("scale", np.full(2, 3.0, np.float32))
        self.calls = Buffer(np.array(0))

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return self.linear(x) * self.scale


X = np.ones((1, 2), np.float32)


def test_buffers_are_saved_and_not_trained() -> None:
    module = nn.Sequential(Counter())
    assert [n for n, _ in module.named_buffers()] == ["0.scale", "0.calls"]
    assert [n for n, _ in module.named_parameters()] == [
        "0.linear.weight",
        "0.linear.bias",
    ]
    assert module.num_parameters() == 6
    assert sorted(module.state_dict()) == [
        "0.calls",
        "0.linear.bias",
        "0.linear.weight",
        "0.scale",
    ]
    module(X).sum().backward()
    module.requires_grad_(False).requires_grad_()
    assert not any(b.requires_grad for _, b in module.named_buffers())
    assert "calls" not in repr(module)


def test_what_is_computed_from_a_buffer_is_a_plain_tensor() -> None:
    buffer = Buffer([1.0, 2.0])
    for out in (buffer * 2, buffer[0], buffer.detach(), buffer.copy()):
        assert type(out) is Tensor
    assert type(copy.deepcopy(buffer)) is Buffer


def test_loading_takes_buffers_by_name_in_their_dtype() -> None:
    first, second = Counter(), Counter()
    first(X)
    first(X)
    state = {k: v.astype(np.float64) for k, v in first.state_dict().items()}
    second.load_state_dict(state)
    assert second.calls.item() == 2
    assert second.calls.dtype == int
    assert second.scale.dtype == np.float32
    del state["calls"]
    with pytest.raises(StateDictError, match=r"missing: calls \(\)"):
        second.load_state_dict(state)
    assert second.load_state_dict(state, strict=False) == (["calls"], [])
    with pytest.raises(StateDictError, match=r"scale \(1,\) should be \(2,\)"):
        second.load_state_dict(first.state_dict() | {"scale": [1]})


def test_a_state_dict_is_a_snapshot_of_buffers_too() -> None:
    module = Counter()
    module(X)
    state = module.state_dict()
    module(X)
    assert (state["calls"], module.calls.item()) == (1, 2)
    twin = copy.deepcopy(module)
    twin(X)
    assert (module.calls.item(), twin.calls.item()) == (2, 3)


def test_to_converts_buffers_of_floats_alone() -> None:
    module = Counter().to(np.float64)
    assert module.scale.dtype == np.float64
    assert module.calls.dtype == int
    assert module(X.astype(np.float64)).dtype == np.float64


def test_what_is_assigned_to_a_buffer_becomes_the_buffer() -> None:
    module = Counter()
    module.scale = module.scale * 2
    assert type(module.scale) is Buffer
    module.scale = np.ones(2)
    module.calls = module.calls + 1
    assert module.state_dict()["scale"].tolist() == [1, 1]
    assert module.state_dict()["calls"] == 1
    with pytest.raises(GraphError, match="detach"):
        module.scale = module.linear.weight[0] * 2
    module.scale = None
    assert [n for n, _ in module.named_buffers()] == ["calls"]
    module.calls = nn.Parameter([1.0])
    assert "calls" in dict(module.named_parameters())


def test_a_tied_buffer_is_saved_once() -> None:
    first, second = Counter(), Counter()
    second.scale = first.scale
    both = nn.Sequential(first, second)
    names = [n for n, _ in both.named_buffers()]
    assert names == ["0.scale", "0.calls", "1.calls"]
    both.load_state_dict(both.state_dict())


def test_a_buffer_in_a_plain_container_is_refused() -> None:
    module = Module()
    with pytest.raises(DefinitionError, match="hidden"):
        module.tables = [Buffer([1.0])]


def test_an_optimiser_leaves_buffers_alone() -> None:
    module = Counter()
    optimizer = nn.optim.SGD(module.parameters(), lr=1.0)
    tg.sum(module(X)).backward()
    optimizer.step()
    assert module.scale.tolist() == [3, 3]


# --- arrays that are held


def test_what_is_held_is_no_copy_until_it_is_written_to() -> None:
    weight = Linear(2, 2, rng=0).weight
    (weight * weight).sum().backward()
    kept = np.arange(12.0).reshape(3, 4)
    hold(weight, kept[:, :2])
    assert weight.requires_grad
    assert weight.grad is None
    assert np.shares_memory(weight.data, kept)
    (weight * 3.0).sum().backward()
    assert weight.grad is not None
    assert (weight.grad.data == np.full((3, 2), 3.0)).all()
    weight.writable()[...] = 0
    assert (kept == np.arange(12.0).reshape(3, 4)).all()
    assert (weight.data == 0).all()
