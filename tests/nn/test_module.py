"""Module: what it finds, saves, loads, converts, shows, and leaves in the graph."""

import copy
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
import tensorgrad as tg
from nn import Linear, Module, ModuleList, Parameter, Sequential
from tensorgrad import Tensor
from tensorgrad.errors import DefinitionError, DtypeError, InputError, StateDictError
from tensorgrad.graph import Node
from tensorgrad.testing import laws


class Net(Module):
    """A tied weight, a list, a nested module and a parameter of its own."""

    def __init__(self, width: int = 3) -> None:
        self.inner = Linear(width, width, rng=0)
        self.scale = Parameter(np.ones(width, np.float32))
        self.layers = ModuleList([Linear(width, width, rng=i) for i in (1, 2)])
        self.head = Linear(width, width, bias=False, rng=3)
        self.head.weight = self.inner.weight

    def forward(self, x: Any) -> Any:
        x = tg.tanh(self.inner(x)) * self.scale
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


NAMES = [
    "scale",
    "inner.weight",
    "inner.bias",
    "layers.0.weight",
    "layers.0.bias",
    "layers.1.weight",
    "layers.1.bias",
]


def test_parameters_are_found_in_order_and_a_tied_one_once() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert len(list(net.parameters())) == len(NAMES)
    assert net.num_parameters() == 3 + 3 * (9 + 3)
    assert [name for name, _ in net.named_modules()] == [
        "",
        "inner",
        "layers",
        "layers.0",
        "layers.1",
        "head",
    ]
    assert list(net.children()) == [net.inner, net.layers, net.head]


def test_what_is_computed_from_a_parameter_is_a_plain_tensor() -> None:
    p = Parameter([1.0, 2.0])
    for out in (p * 2, p + p, p[0], p.sum(), -p, p.detach(), p.copy()):
        assert type(out) is Tensor
    with pytest.raises(DtypeError):
        Parameter([1, 2])


def test_a_module_may_call_super_init_or_not_and_may_contain_itself() -> None:
    class Odd(Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = Parameter([1.0])
            self.me = self
            self.child = Linear(1, 1)
            self.child.parent = self

    odd = Odd()
    names = [name for name, _ in odd.named_parameters()]
    assert names == ["a", "child.weight", "child.bias"]
    assert len(list(odd.modules())) == 2


def test_deleted_replaced_and_none_attributes_are_parameters_no_more() -> None:
    layer = Linear(2, 3)
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    del layer.weight
    assert list(layer.parameters()) == []


@pytest.mark.parametrize("hide", [list, tuple, lambda items: dict(enumerate(items))])
def test_a_plain_container_of_modules_is_refused(hide: Any) -> None:
    module = Module()
    with pytest.raises(DefinitionError, match="ModuleList"):
        module.layers = hide([Linear(1, 1)])
    with pytest.raises(DefinitionError, match="hidden"):
        module.weights = hide([3, Parameter([1.0])])
    module.sizes = hide([1, 2])


def test_train_eval_apply_and_rng_reach_everything() -> None:
    net = Sequential(nn.Dropout(0.5), Sequential(nn.Dropout(0.1), Linear(2, 2)))
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    assert Module().training
    seen: list[Module] = []
    assert net.apply(seen.append) is net
    assert seen[-1] is net
    assert set(map(id, seen)) == set(map(id, net.modules()))
    rng = np.random.default_rng(0)
    net.set_rng(rng)
    assert net[0].rng is rng
    assert net[1][0].rng is rng
    net.set_rng(5)
    assert net[0].rng is net[1][0].rng is not rng


def test_zero_grad_and_requires_grad() -> None:
    net = Net()
    net(Tensor(np.ones((2, 3), np.float32))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert net(Tensor(np.ones((2, 3), np.float32))).requires_grad is False
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())


def test_a_tied_weight_gets_the_sum_of_its_gradients() -> None:
    net = Net().to(np.float64)
    x = np.random.default_rng(0).standard_normal((4, 3))
    net(x).sum().backward()
    tied = net.inner.weight.grad.numpy()
    loose = Net().to(np.float64)
    loose.head.weight = Parameter(net.inner.weight.data)
    loose(x).sum().backward()
    parts = loose.inner.weight.grad.numpy() + loose.head.weight.grad.numpy()
    np.testing.assert_allclose(tied, parts, rtol=1e-13)


def test_to_converts_values_and_gradients_and_keeps_ties_and_frozen_ones() -> None:
    net = Net()
    net.scale.requires_grad = False
    before = net.state_dict()
    assert net.to(np.float64) is net
    assert net.head.weight is net.inner.weight
    net(np.ones((2, 3))).sum().backward()
    assert net.inner.weight.grad.dtype == np.float64
    assert net.scale.grad is None
    assert not net.scale.requires_grad
    for name, value in net.state_dict().items():
        assert value.dtype == np.float64
        np.testing.assert_array_equal(value, before[name])
    with pytest.raises(DtypeError):
        net.to(int)


def test_deepcopy_keeps_ties_and_shares_nothing() -> None:
    net = Net()
    twin = copy.deepcopy(net)
    assert twin.head.weight is twin.inner.weight
    assert type(twin.scale) is Parameter
    twin.scale.writable()[...] = 7
    assert (net.scale.data == 1).all()
    assert [n for n, _ in twin.named_parameters()] == NAMES
    twin(np.ones((1, 3), np.float32)).sum().backward()
    assert net.scale.grad is None
    assert twin.scale.grad is not None


# --- state dicts


@given(st.integers(1, 4), st.integers(0, 99))
def test_a_loaded_state_is_the_saved_one(width: int, seed: int) -> None:
    nets: list[Net] = []

    def make() -> Net:
        nets.append(Net(width))
        return nets[-1]

    laws.state_dict_round_trip(make, np.ones((2, width), np.float32), seed=seed)
    first, second = nets
    assert second.load_state_dict(first.state_dict()) == ([], [])
    assert second.head.weight is second.inner.weight


def test_a_state_dict_is_a_snapshot_and_read_only() -> None:
    net = Net()
    state = net.state_dict()
    net.scale.writable()[...] = 5
    assert (state["scale"] == 1).all()
    assert not state["scale"].flags.writeable
    assert list(state) == NAMES


def test_values_are_copied_in_the_parameters_dtype() -> None:
    net = Net()
    state: dict[str, Any] = {
        k: v.astype(np.float64) for k, v in net.state_dict().items()
    }
    state["scale"] = Parameter([5.0, 6.0, 7.0])  # tensors and lists will do
    state["inner.bias"] = [1, 2, 3]
    net.load_state_dict(state)
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    assert net.scale.tolist() == [5, 6, 7]
    state["scale"].writable()[...] = 0
    assert net.scale.tolist() == [5, 6, 7]
    state["scale"] = [np.nan, np.inf, 0]  # a state is taken as it is
    net.load_state_dict(state)
    assert np.isnan(net.scale.data[0])


def test_every_difference_is_listed_at_once_and_nothing_changes() -> None:
    net = Net()
    state = dict(net.state_dict())
    before = {k: v.copy() for k, v in state.items()}
    state["scale"] = np.zeros(4)
    state["layers.0.bias"] = np.array(["x", "y", "z"])
    state["inner.bias"] = np.zeros(3)
    del state["layers.1.weight"], state["layers.1.bias"]
    state["extra.one"], state["extra.two"] = np.zeros(2), np.zeros(())
    with pytest.raises(StateDictError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "missing: layers.1.weight (3, 3), layers.1.bias (3,)",
        "unexpected: extra.one (2,), extra.two ()",
        "scale (4,) should be (3,)",
        "layers.0.bias holds <U1",
    ):
        assert part in message
    with pytest.raises(StateDictError):  # a wrong shape is never ignored
        net.load_state_dict(state, strict=False)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert isinstance(caught.value, InputError)


def test_without_strict_what_fits_is_loaded_and_the_rest_is_named() -> None:
    net = Net()
    found = net.load_state_dict({"scale": np.full(3, 2), "other": 1}, strict=False)
    assert found == ([name for name in NAMES if name != "scale"], ["other"])
    assert net.scale.tolist() == [2, 2, 2]


def test_a_tied_parameter_may_come_under_any_of_its_names() -> None:
    net = Net()
    state = dict(net.state_dict())
    state["head.weight"] = state.pop("inner.weight") + 1
    net.load_state_dict(state)
    np.testing.assert_array_equal(net.inner.weight.data, state["head.weight"])
    state["inner.weight"] = state["head.weight"]
    net.load_state_dict(state)
    state["inner.weight"] = state["head.weight"] + 1
    with pytest.raises(
        StateDictError, match=r"head\.weight differs from inner\.weight"
    ):
        net.load_state_dict(state)


# --- calls and the graph


class Pair(Module):
    def __init__(self) -> None:
        self.layer = Linear(2, 2, rng=0)

    def forward(self, x: Any) -> Any:
        y = self.layer(x)
        return y, y * 2, None, 3


def test_a_call_marks_where_it_ended_inner_ones_first() -> None:
    net = Sequential(Linear(2, 2), Sequential(nn.Tanh()))
    out = net(np.ones((1, 2), np.float32))
    labels = [label for _, label in out.node.module]
    assert labels == ["0 Tanh", "1 Sequential", "Sequential"]
    since = [order for order, _ in out.node.module]
    assert since == sorted(since, reverse=True)
    assert since[-1] < out.node.parents[0].order < since[0]
    pair = Pair()
    pair.named = pair
    y, z, *_ = pair(np.ones((1, 2), np.float32))
    assert [label for _, label in y.node.module] == ["layer Linear", "named Pair"]
    assert [label for _, label in z.node.module] == ["named Pair"]


def test_items_of_a_list_are_named_by_their_list() -> None:
    net = Net()
    assert [layer._label for layer in net.layers] == [
        "layers.0 Linear",
        "layers.1 Linear",
    ]
    net.layers.append(Linear(3, 3))
    net.layers[0] = nn.Tanh()
    assert [layer._label for layer in net.layers] == [
        "layers.0 Tanh",
        "layers.1 Linear",
        "layers.2 Linear",
    ]


def test_a_module_that_computes_nothing_leaves_no_mark() -> None:
    x = Tensor([1.0], requires_grad=True) * 2
    assert nn.Dropout(0.5).eval()(x) is x
    assert x.node.module == ()
    with tg.no_grad():
        assert Linear(1, 1)(x).node is None


def interior_nodes() -> list[Node]:
    return [o for o in gc.get_objects() if type(o) is Node and o.op is not None]


def test_dropping_a_loss_frees_graph_and_modules_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        before = len(interior_nodes())
        net = Sequential(Linear(3, 3), nn.MultiHeadAttention(3, 1), nn.LayerNorm(3))
        loss = nn.losses.mse_loss(net(np.ones((2, 4, 3))), np.zeros((2, 4, 3)))
        held = [weakref.ref(module) for module in net.modules()]
        assert len(interior_nodes()) > before
        del loss
        assert len(interior_nodes()) == before
        out = net(np.ones((2, 4, 3)))
        del net
        assert not any(ref() for ref in held)  # the graph's marks hold no module
        assert out.node.module
    finally:
        gc.enable()
