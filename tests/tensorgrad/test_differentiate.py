"""backward() and grad(): accumulation, freeing, inputs of every kind, any order."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad, no_grad
from tensorgrad.errors import GraphError, ShapeError
from tensorgrad.testing import assert_gradients
from tests.tensorgrad.checks import leaf

REFUSED_SECOND = "an earlier backward freed this graph"


def test_a_second_backward_says_what_to_do() -> None:
    x = leaf(1.0, 2.0)
    hidden = tg.exp(x)
    loss = hidden.sum()
    loss.backward()
    for again in (loss.backward, hidden.sum().backward, lambda: grad(loss, x)):
        with pytest.raises(GraphError, match=f"{REFUSED_SECOND}.*retain_graph=True"):
            again()


def test_retained_graphs_add_up() -> None:
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 18
    x.zero_grad()
    assert x.grad is None
    (x * 5.0).backward()
    assert x.grad.item() == 5


def test_accumulating_makes_a_new_tensor() -> None:
    x = leaf(1.0, 1.0)
    (x * 2.0).sum().backward()
    first = x.grad
    (x * 3.0).sum().backward()
    assert first.tolist() == [2, 2]
    assert x.grad.tolist() == [5, 5]


def test_no_path_leaves_the_gradient_none() -> None:
    x, y = leaf(1.0), leaf(2.0)
    (x * y.detach()).backward()
    assert y.grad is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: Tensor([1.0]).backward(), GraphError, "nothing tracks"),
        (lambda x: (x * 2.0).backward(), GraphError, "Sum it first"),
        (lambda x: x.sum().backward(np.ones(2)), ShapeError, r"shape \(2,\)"),
        (lambda x: grad(x.sum(), Tensor([1.0])), GraphError, "not tracked"),
        (lambda x: grad(x.sum(), leaf(1.0)), GraphError, "allow_unused"),
    ],
)
def test_what_has_no_gradient_says_why(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(leaf(1.0, 2.0))


# --- aliases


def test_gradients_share_no_memory() -> None:
    x, y, z = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    seed = np.ones(2)
    (x + y + z.reshape(2) + x).backward(seed)
    seed[:] = 7
    assert x.grad.tolist() == [2, 2]
    assert y.grad.tolist() == z.grad.tolist() == [1, 1]
    arrays = [x.grad._data, y.grad._data, z.grad._data, seed]
    for i, a in enumerate(arrays):
        assert a.base is None
        assert not any(np.shares_memory(a, b) for b in arrays[:i])


def test_a_leafs_own_backward_copies_the_seed() -> None:
    x, seed = leaf(1.0, 2.0), Tensor(np.ones(2))
    x.backward(seed)
    seed[0] = 5.0
    assert x.grad.tolist() == [1, 1]


@pytest.mark.parametrize("create_graph", [False, True])
def test_writing_to_one_gradient_leaves_the_others_be(create_graph: bool) -> None:
    x, y, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), Tensor(np.ones(2))
    (x + y).backward(seed, create_graph=create_graph)
    x.grad *= 3.0
    x.grad[0] = 7.0
    assert y.grad.tolist() == seed.tolist() == [1, 1]
    gx, gy = grad(x + y, [x, y], seed, create_graph=create_graph)
    gx += 1.0
    assert gy.tolist() == seed.tolist() == [1, 1]


def test_a_gradient_that_arrives_three_times() -> None:
    """The first sum allocates, later ones are in place; neither shows elsewhere."""
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = y * 1.0
    (y + z + y + z + y).sum().backward()
    assert x.grad.tolist() == [5, 5]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("other", ["f4", "f8"])
def test_a_seed_is_cast_to_its_outputs_dtype(dtype: str, other: str) -> None:
    x = Tensor(np.ones(2, dtype), requires_grad=True)
    for seed in (np.ones(2, other), Tensor(np.ones(2, other)), [1, 1]):
        for out in (x, x * 1.0):
            assert grad(out, x, seed, retain_graph=True).dtype == dtype
            assert grad(out, out, seed, create_graph=True).dtype == dtype


# --- grad()


def test_one_input_gives_a_tensor_and_a_sequence_a_tuple() -> None:
    x = leaf(3.0)
    assert isinstance(grad(x * x, x), Tensor)
    assert isinstance(grad(x * x, [x]), tuple)
    assert grad([x * x], [x, x])[1].item() == 6
    assert grad((y for y in [x * x]), (y for y in [x]))[0].item() == 6
    assert x.grad is None


def test_inputs_may_be_interior_and_depend_on_each_other() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * x
    gx, gy, gz = grad(z * y, [x, y, z])
    assert gz.item() == 4  # z's own: y
    assert gy.item() == 8 + 4 * 2  # through z too
    assert gx.item() == 5 * 2**4  # x^5, in full


def test_several_outputs_are_summed_each_with_its_weight() -> None:
    x = leaf(1.0, 2.0)
    a, b = x * 2.0, x * x
    assert grad([a.sum(), b.sum()], x, retain_graph=True).tolist() == [4, 6]
    found = grad([a, b], x, [np.array([1.0, 0.0]), Tensor([0.0, 1.0])])
    assert found.tolist() == [2, 4]


def test_the_same_output_twice_counts_twice() -> None:
    x = leaf(3.0)
    y = x * x
    assert grad([y, y], x).item() == 12


def test_an_output_that_is_an_input() -> None:
    x = leaf(3.0)
    y = x * x
    assert grad(y, y, retain_graph=True).item() == 1
    assert grad(x, x).item() == 1
    assert [g.item() for g in grad([y, x], [x, y])] == [7, 1]


def test_unused_inputs() -> None:
    x, y = leaf(3.0), leaf(4.0)
    assert grad(x * x, [x, y], allow_unused=True)[1] is None
    later = y * 2.0
    assert grad(x * x, [later], allow_unused=True) == (None,)


def test_only_what_leads_to_an_input_is_visited_and_freed() -> None:
    x, y = leaf(3.0), leaf(4.0)
    calls: list[Tensor] = []
    side = y * y
    side.register_hook(calls.append)
    z = x * side
    assert grad(z, x).item() == 16
    assert not calls
    assert grad(side, y).item() == 8  # z's graph is gone, this part is not


def test_gradients_of_gradients_three_deep() -> None:
    def nested(function: Any, x: Tensor) -> list[float]:
        found, y = [], function(x)
        for _ in range(3):
            y = grad(y, x, create_graph=True)
            found.append(y.item())
        return found

    x = leaf(0.7)
    e, s, c = np.exp(0.7), np.sin(0.7), np.cos(0.7)
    expected = [e * (s + c), 2 * e * c, 2 * e * (c - s)]
    np.testing.assert_allclose(nested(lambda x: tg.exp(x) * tg.sin(x), x), expected)
    np.testing.assert_allclose(nested(lambda x: x * x * x * x, x), [1.372, 5.88, 16.8])


def test_mixed_partial_derivatives_commute() -> None:
    x, y = leaf(0.5), leaf(1.5)
    z = tg.exp(x * y) * tg.sin(x)
    gx, gy = grad(z, [x, y], create_graph=True)
    gxy = grad(gx, y, create_graph=True)
    gyx = grad(gy, x, create_graph=True)
    np.testing.assert_allclose(gxy.item(), gyx.item())
    gxx = grad(gx, x, create_graph=True)
    gxyx, gxxy = grad(gxy, x, retain_graph=True), grad(gxx, y)
    np.testing.assert_allclose(gxyx.item(), gxxy.item())


def test_backward_of_a_gradient_reaches_leaves() -> None:
    x = leaf(1.0, 2.0)
    first = grad((x * x * x).sum(), x, create_graph=True)
    (first * first).sum().backward()  # d (3 x^2)^2 = 36 x^3
    assert x.grad.tolist() == [36, 288]


def test_backward_can_be_recorded() -> None:
    x = leaf(2.0)
    (x * x * x).backward(create_graph=True)
    first = x.grad
    assert first.item() == 12
    x.zero_grad()
    first.backward()
    assert x.grad.item() == 12


def test_create_graph_records_under_no_grad() -> None:
    x = leaf(3.0)
    y = x * x * x + x * x
    with no_grad():
        first = grad(y, x, create_graph=True)
    assert grad(first, x).item() == 20


def test_the_weights_can_be_differentiated_too() -> None:
    x, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    product = grad(x * x, x, v, create_graph=True)  # 2 x v
    gx, gv = grad(product.sum(), [x, v])
    assert gx.tolist() == [6, 8]
    assert gv.tolist() == [2, 4]


# --- several outputs of one op


def test_outputs_that_are_not_used() -> None:
    x = leaf(1.0, 2.0, 3.0)
    first, _, third = tg.unstack(x)
    (first * third).backward()
    assert x.grad.tolist() == [3, 0, 1]
    part = tg.split(x, indices_or_sections=[1, 1])[2]
    assert grad((part * part).sum(), x).tolist() == [0, 4, 6]


def test_outputs_used_twice_and_to_second_order() -> None:
    def function(x: Tensor) -> Any:
        a, b, c = tg.unstack(x)
        first, rest = tg.split(x, indices_or_sections=[1], axis=1)
        return a * a * c + tg.exp(b) * a + (first * rest).sum() * c

    assert_gradients(function, np.random.default_rng(0).normal(size=(3, 4)))


# --- hooks


def test_a_seed_is_the_values_that_it_had() -> None:
    x, weights = leaf(1.0, 2.0), np.ones(2)
    (x**3).backward(weights, create_graph=True)
    weights[:] = 100
    assert grad(x.grad.sum(), x).tolist() == [6, 12]


def test_an_input_given_twice_gets_two_tensors() -> None:
    x = leaf(1.0, 2.0)
    a, b = grad((x * x).sum(), [x, x])
    a[0] = 99.0
    assert b.tolist() == [2, 4]


def test_as_many_weights_as_outputs() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match="1 gradients for 2 outputs"):
        grad([x * 2.0, x * 3.0], x, [np.ones(2)])


def test_a_gradient_is_no_other_tensor_on_its_node() -> None:
    x = Tensor(np.array(2.0), requires_grad=True)
    g = grad(x, x, x, create_graph=True)
    assert not g.is_leaf
    with pytest.raises(GraphError, match="do not depend"):
        grad(x * 1.0, g)
    assert grad(g * 3.0, x).item() == 3
