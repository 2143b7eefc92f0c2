"""The graph and the walk: depth, memory, order, aliases, and grad()'s options."""

import gc
import threading
import weakref
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.differentiate import made_since
from tensorgrad.errors import GraphError, MutationError, ShapeError
from tensorgrad.graph import walk
from tests.tensorgrad.checks import leaf, vector

REFUSED_SECOND = "an earlier backward freed this graph"


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Reference counts alone must free memory: the collector is off."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def watched(x: Tensor) -> Any:
    """Something that turns None when the tensor's array is freed."""
    return weakref.ref(x._data)


# --- depth


def test_a_chain_of_a_hundred_thousand_ops(no_collector: None) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0001
    middle = watched(y)
    y.backward()
    assert x.grad.item() == pytest.approx(1.0001**100_000)
    del y
    assert middle() is None
    z = x
    for _ in range(100_000):
        z = z + 1.0
    assert grad(z, x, retain_graph=True).item() == 1
    del z  # a graph that is kept is freed without recursion as well


def test_a_deep_diamond_takes_linear_time() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    steps = list(walk([(y.node, np.ones(()))], made_since(0, [y.node])))
    assert len(steps) == 61
    assert steps[-1][1] == 2.0**60


def test_every_node_is_visited_once_after_all_that_was_made_from_it() -> None:
    x = leaf(2.0)
    y = x * x
    z = tg.sin(y) * y + x
    all_nodes = made_since(0, [z.node])
    orders = [node.order for node, _ in walk([(z.node, np.ones(()))], all_nodes)]
    assert all(a > b for a, b in pairwise(orders))
    assert len(orders) == 5


def test_the_walk_yields_what_is_wanted_or_fills_a_grad() -> None:
    x, y = leaf(2.0), leaf(3.0)
    product = x * y
    z = product + x
    seed = z.node, np.ones(())
    found = [node for node, _ in walk([seed], retain_graph=True)]
    assert found == [y.node, x.node]
    product.retain_grad()
    found = [node for node, _ in walk([seed], retain_graph=True)]
    assert found == [product.node, y.node, x.node]
    assert dict(walk([seed], {product.node})) == {product.node: 1}


# --- memory


def test_a_dropped_loss_frees_its_graph_at_once(no_collector: None) -> None:
    x = leaf(1.0, 2.0)
    hidden = tg.exp(x)
    parts = tg.split(hidden, indices_or_sections=2)
    normed = tg.layer_norm(hidden, x, x)
    loss = (parts[0] * normed).sum()
    refs = [watched(hidden), watched(normed), watched(loss)]
    del hidden, parts, normed
    assert all(ref() is not None for ref in refs[:2])
    del loss
    assert [ref() for ref in refs] == [None] * 3


def test_second_order_graphs_are_freed_too(no_collector: None) -> None:
    x = leaf(1.0, 2.0)
    y = (tg.exp(x) * x).sum()
    first = grad(y, x, create_graph=True)
    second = grad(first.sum(), x)
    refs = [watched(t) for t in (y, first, second)]
    del y, first, second
    assert [ref() for ref in refs] == [None] * 3


def test_backward_frees_what_it_passed_although_the_loss_lives(
    no_collector: None,
) -> None:
    x = leaf(1.0, 2.0)
    hidden = tg.exp(x)
    loss = hidden.sum()
    ref = watched(hidden)
    del hidden
    loss.backward()
    assert ref() is None


def test_only_what_a_derivative_needs_is_saved(no_collector: None) -> None:
    x, constant = leaf(1.0, 2.0), Tensor([3.0, 4.0])
    inputs = [x * 1.0 for _ in range(3)]
    y = (inputs[0] * constant + inputs[1]) - inputs[2]
    refs = [watched(t) for t in inputs]
    del inputs
    assert [ref() for ref in refs] == [None] * 3
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, constant.data)


def test_a_leaf_that_is_gone_is_no_obstacle(no_collector: None) -> None:
    x, y = leaf(1.0), leaf(2.0)
    ref, z = weakref.ref(x), x * y
    del x
    assert ref() is None
    z.backward()
    assert y.grad.item() == 1


# --- once, and again


def test_hooks_see_and_replace_gradients_in_turn() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2.0
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    remove = y.register_hook(lambda g: g * 10.0)
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1], [10, 10]]
    assert x.grad.tolist() == [20, 20]
    remove()
    remove()  # twice is once
    x.zero_grad()
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]


@pytest.mark.parametrize("returned", [[5.0, 7.0], np.array([5, 7])])
def test_a_hook_may_return_what_is_no_tensor(returned: Any) -> None:
    x = vector(1.0, 2.0)
    y = x * 2.0
    y.register_hook(lambda g: returned)
    for create_graph in (False, True):
        (g,) = grad(y.sum(), [x], create_graph=create_graph, retain_graph=True)
        assert g.tolist() == [10, 14]
        assert g.dtype == np.float64


def test_a_hook_registered_twice_runs_twice_and_is_removed_once() -> None:
    x = leaf(1.0)

    def double(g: Tensor) -> Tensor:
        return g * 2.0

    removals = [x.register_hook(double) for _ in range(2)]
    (x * 1.0).backward()
    assert x.grad.item() == 4
    removals[0]()
    x.zero_grad()
    (x * 1.0).backward()
    assert x.grad.item() == 2


def test_a_hook_sees_the_whole_gradient_once() -> None:
    x = leaf(1.0)
    seen: list[float] = []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 2.0 + x * 3.0).backward()
    assert seen == [5]


def test_a_hook_keeps_what_it_saw() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1.0
    seen: list[Tensor] = []
    y.register_hook(seen.append)
    x.register_hook(seen.append)
    (y + x).sum().backward()
    x.grad *= 5.0
    assert [g.tolist() for g in seen] == [[1, 1], [2, 2]]


def test_hooks_are_differentiated_with_the_rest() -> None:
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x.detach() * 1.0)
    first = grad(y, x, create_graph=True)  # 2 x, times 3
    assert first.item() == 18
    assert grad(first, x).item() == 6


def test_a_hook_of_the_wrong_shape_is_refused() -> None:
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match="hook"):
        (x * 1.0).sum().backward()


def test_hooks_need_a_graph() -> None:
    with pytest.raises(GraphError):
        Tensor([1.0]).register_hook(print)


def test_retained_gradients() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2.0
    assert y.grad is None
    y.retain_grad()
    y.retain_grad()  # twice is once
    z = (y * y).sum()
    grad(z, x, retain_graph=True)
    assert y.grad is None  # grad() returns, and adds to no .grad
    z.backward(retain_graph=True)
    assert y.grad.tolist() == [4, 8]
    z.backward()
    assert y.grad.tolist() == [8, 16]
    x.retain_grad()  # a leaf's is kept anyway
    with pytest.raises(GraphError):
        Tensor([1.0]).retain_grad()


def test_retaining_makes_no_cycle(no_collector: None) -> None:
    x = leaf(1.0)
    y = x * 2.0
    y.retain_grad()
    ref = watched(y)
    del y
    assert ref() is None


# --- threads


def test_threads_take_gradients_of_shared_parameters() -> None:
    w = Tensor(np.random.default_rng(0).normal(size=(8, 8)), requires_grad=True)
    batches = np.random.default_rng(1).normal(size=(16, 4, 8))
    found: dict[int, np.ndarray] = {}

    def work(i: int) -> None:
        loss = tg.tanh(Tensor(batches[i]) @ w).sum()
        found[i] = grad(loss, w).numpy()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = tg.tanh(Tensor(batches) @ w).sum()
    np.testing.assert_allclose(sum(found.values()), grad(total, w).data)


@pytest.mark.parametrize("write", ["g *= 2.0", "g[0] = 0.0"])
def test_a_hook_that_writes_in_place_is_refused(write: str) -> None:
    def double(g: Any) -> None:
        g *= 2.0

    def mask(g: Any) -> None:
        g[0] = 0.0

    x = leaf(1.0, 2.0)
    y = x * 3.0
    y.register_hook(double if "*" in write else mask)
    with pytest.raises(MutationError, match="return the new gradient"):
        y.sum().backward()


def test_what_a_hook_returns_is_cast_and_recorded() -> None:
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    x.register_hook(lambda g: g.astype(np.float64) * 2.0)
    y = (x * x * x).sum()
    with tg.no_grad():
        y.backward(create_graph=True)
    assert x.grad.dtype == np.float32
    # 2 * 3 x^2, whose derivative the hook doubles again
    assert tg.grad(x.grad.sum(), x).tolist() == [24, 24]
