"""checkpoint: the same numbers from less memory, or an error."""

import gc
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, no_grad
from tensorgrad.errors import AnomalyError, GraphError, MutationError
from tensorgrad.functional import checkpoint, grad, hessian, hvp, jacobian, jvp
from tests.tensorgrad.checks import leaf


def gradients(build: Callable[..., Any], *leaves: Tensor) -> list[np.ndarray]:
    """The gradients of the leaves after a backward pass, as arrays."""
    for x in leaves:
        x.zero_grad()
    build(*leaves).backward()
    return [x.grad.numpy() for x in leaves]


def same(found: Any, expected: Any) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


# --- what it reaches


def test_inputs_closed_over_leaves_and_interior_tensors() -> None:
    def build(run: Any) -> Any:
        def f(x: Any, w: Any) -> Any:
            h = w * w

            def body(x: Any) -> Any:
                return tg.sin(x * h) * w + h

            return run(body, x * 2.0).sum() + h.sum()

        return f

    leaves = leaf(0.5, 1.5), leaf(0.3, 0.7)
    same(gradients(build(checkpoint), *leaves), gradients(build(apply), *leaves))


def apply(f: Any, *xs: Any, rng: Any = None, **kwargs: Any) -> Any:
    return f(*xs, **kwargs)


def test_closed_over_tensors_that_depend_on_each_other() -> None:
    """The inner walk stops at each: it neither goes on nor counts any twice."""
    x = leaf(2.0)
    h = x * 3.0
    k = h * h
    out = checkpoint(lambda: x * h * k)
    assert out.node is not None
    assert sorted(p.order for p in out.node.parents) == [
        node.order for node in (x.node, h.node, k.node)
    ]
    (out + k).backward(retain_graph=True)  # 27 x^4 + 9 x^2
    assert x.grad.item() == 108 * 8 + 36
    x.zero_grad()
    (out + k).backward()
    assert x.grad.item() == 108 * 8 + 36


def test_results_of_every_form() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0)
    marker = object()

    def f(x: Any, y: Any) -> Any:
        return {
            "a": (x * y, [tg.exp(x)]),
            "same": x,
            "constant": Tensor(5.0),
            "marker": marker,
            "none": None,
            "array": x.data * 1,
        }

    out = checkpoint(f, x, y)
    assert out["marker"] is marker
    assert out["none"] is None
    assert out["constant"].item() == 5
    assert not out["constant"].requires_grad
    assert out["array"].tolist() == [1, 2]
    (out["a"][0].sum() + out["same"].sum()).backward(retain_graph=True)
    assert (x.grad.tolist(), y.grad.tolist()) == ([4, 4], 3)
    x.zero_grad()
    out["a"][1][0].sum().backward()  # y is not reached
    np.testing.assert_allclose(x.grad.data, np.exp([1, 2]))
    assert y.grad.item() == 3


def test_a_result_that_is_an_input() -> None:
    x = leaf(3.0)
    y = x * x
    same_ = checkpoint(lambda y: y, y)
    closed = checkpoint(lambda: y)
    (same_ * closed).backward()
    assert x.grad.item() == 4 * 27


def test_nothing_tracked_leaves_the_call_plain() -> None:
    out = checkpoint(lambda x: x * 2.0, Tensor([1.0]))
    assert not out.requires_grad
    inner = leaf(2.0)

    def own_leaf() -> Any:
        nonlocal inner
        inner = leaf(2.0)
        return inner * inner

    checkpoint(own_leaf).backward()
    assert inner.grad.item() == 4
    x = leaf(3.0)
    calls = []
    with no_grad():
        out = checkpoint(lambda x: calls.append(x) or x * 2.0, x)
    assert calls == [x]
    assert not out.requires_grad


def test_arrays_settings_and_trees_of_inputs() -> None:
    x, w = leaf(1.0, 2.0, 3.0), leaf(2.0)
    tokens = np.array([0, 2])

    def f(parts: Any, tokens: Any, *, scale: Any, how: str) -> Any:
        assert how == "so"
        return parts["x"][tokens] * parts["w"][0] * scale

    out = checkpoint(f, {"x": x, "w": [w]}, tokens, scale=w, how="so")
    tokens[:] = 1  # its own copy is what runs again
    out.sum().backward()
    assert x.grad.tolist() == [4, 0, 4]
    assert w.grad.item() == 16


def test_no_grad_inside_f() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            constant = x * x
        return constant * x

    x = leaf(3.0)
    checkpoint(f, x).backward()
    assert x.grad.item() == 9


def test_a_mode_inside_backward_does_not_matter() -> None:
    x = leaf(3.0)
    y = checkpoint(lambda x: x * x, x)
    with no_grad():
        y.backward()
    assert x.grad.item() == 6


def test_outputs_of_an_op_with_several() -> None:
    """Inside f, a recorded gradient starts at an op from outside, not at a tensor."""
    x = leaf(1.0, 2.0, 3.0, 4.0)

    def build(run: Any) -> Any:
        a, b = tg.split(x * x, indices_or_sections=2)
        y = (a * b).sum()
        return run(lambda: (tg.grad(y, x, create_graph=True) * a[0]).sum())

    same(
        gradients(lambda x: build(checkpoint), x), gradients(lambda x: build(apply), x)
    )


# --- when it runs


def test_it_runs_once_forward_and_once_for_each_backward() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append("run")
        return x * x

    x = leaf(3.0)
    y = checkpoint(f, x)
    for n in (2, 3):
        y.backward(retain_graph=True)
        assert len(calls) == n
    y.backward()
    assert x.grad.item() == 18
    with pytest.raises(GraphError, match="through checkpoint: an earlier backward"):
        y.backward()
    assert tg.grad(checkpoint(f, x), x).item() == 6


def test_only_what_is_wanted_is_differentiated() -> None:
    x, w = leaf(3.0), leaf(2.0)
    out = checkpoint(lambda x: tg.tanh(x * 1.0) * w, x)
    assert tg.grad(out, w).item() == np.tanh(3.0)


def test_hooks_of_what_it_starts_from_run_once() -> None:
    x, seen = leaf(3.0), []
    h = x * 2.0
    h.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 10.0)
    (checkpoint(lambda x: x * h, x) + h).backward()  # 2 x^2 + 2 x
    assert seen == [4]
    assert x.grad.item() == 140


def test_hooks_inside_run_in_the_second_run() -> None:
    x, seen = leaf(3.0), []

    def f(x: Any) -> Any:
        x.retain_grad()
        y = x * x
        y.register_hook(lambda g: seen.append(g.item()))
        return y * 2.0

    checkpoint(f, x).backward()
    assert seen == [2]
    assert x.grad.item() == 12


def test_f_may_write_to_its_inputs() -> None:
    def f(x: Any) -> Any:
        x[0] = x[1] * x[1]
        x *= 2.0
        return x

    x = leaf(1.0, 3.0)
    out = checkpoint(f, x)
    assert x.tolist() == [1, 3]
    out.sum().backward()
    assert x.grad.tolist() == [0, 14]


def test_results_may_be_written_to() -> None:
    x = leaf(1.0, 2.0)
    out = checkpoint(tg.exp, x)
    out[0] = 0.0
    out.sum().backward()
    np.testing.assert_allclose(x.grad.data, [0, np.exp(2)])


def test_each_turn_of_a_loop_keeps_its_own_variables() -> None:
    x = start = leaf(1.0)
    weights = [leaf(2.0), leaf(3.0), leaf(5.0)]
    for w in weights:
        x = checkpoint(lambda x: x * w * w, x)  # noqa: B023 - that is the test
    x.backward()
    assert start.grad.item() == 900
    assert [w.grad.item() for w in weights] == [900, 600, 360]


def test_a_variable_that_is_assigned_later() -> None:
    x = leaf(2.0)

    def f(x: Any) -> Any:
        if "later" in seen:
            return later * x
        return x * x

    seen: list[str] = []
    y = checkpoint(f, x)
    later = 3.0
    y.backward()
    assert x.grad.item() == 4
    assert later


# --- nesting


def chain(depth: int, run: Any, w: Any) -> Callable[[Any], Any]:
    """depth levels of checkpoints, each around two of the level below."""
    if depth == 0:
        return lambda x: tg.sin(x * w)
    below = chain(depth - 1, run, w)
    return lambda x: run(lambda x: below(below(x)) + w, x)


def test_checkpoints_inside_checkpoints() -> None:
    x, w = leaf(0.3, 0.6), leaf(1.1)
    nested = gradients(lambda x, w: chain(3, checkpoint, w)(x).sum(), x, w)
    plain = gradients(lambda x, w: chain(3, apply, w)(x).sum(), x, w)
    for a, b in zip(nested, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)  # sums in another order


def test_higher_orders_through_nested_checkpoints() -> None:
    x, w = np.array([0.3, 0.6]), np.array(1.1)

    def number(run: Any) -> Any:
        return lambda x, w: tg.sin(chain(2, run, w)(x)).sum()

    nested, plain = number(checkpoint), number(apply)
    for one, other in [
        (grad(nested, (0, 1))(x, w), grad(plain, (0, 1))(x, w)),
        (hessian(nested, (0, 1))(x, w), hessian(plain, (0, 1))(x, w)),
        (jacobian(hessian(nested))(x, w), jacobian(hessian(plain))(x, w)),
        (hvp(nested, (x, w), (x, w)), hvp(plain, (x, w), (x, w))),
        (jvp(nested, (x, w), (x, w)), jvp(plain, (x, w), (x, w))),
    ]:
        for a, b in zip(
            tg.functional.trees.leaves(one),
            tg.functional.trees.leaves(other),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_create_graph_by_hand() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = checkpoint(lambda x: x * x * x * w, x)
    gx, gw = tg.grad(y, [x, w], create_graph=True)
    (gxx, gxw) = tg.grad(gx, [x, w], create_graph=True)
    assert [g.item() for g in (gx, gw, gxx, gxw)] == [36, 8, 36, 12]
    gxx.backward()
    assert (x.grad.item(), w.grad.item()) == (18, 12)


def test_a_fused_op_inside() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 4)), rng.normal(size=4)

    def number(run: Any) -> Any:
        return lambda x, w: tg.sin(run(lambda x: tg.layer_norm(x, w, w), x)).sum()

    found = hvp(number(checkpoint), (x, w), (x, w))
    for a, b in zip(found, hvp(number(apply), (x, w), (x, w)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


# --- never a wrong number


def test_a_leaf_written_to_in_between_is_an_error() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = checkpoint(lambda x: x * w, x)
    with no_grad():
        w += 1.0
    with pytest.raises(MutationError, match=r"leaf of shape \(\) that f uses"):
        y.backward()
    y = checkpoint(lambda x: x * w, x)
    w.writable()[...] = 5.0
    with pytest.raises(MutationError):
        y.backward()


def test_an_input_written_to_in_between_is_not() -> None:
    x = leaf(2.0, 3.0)
    h = x * 1.0
    y = checkpoint(lambda h: (h * h).sum(), h)
    h[0] = 7.0
    with no_grad():
        h *= 5.0
    y.backward()
    assert x.grad.tolist() == [4, 6]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(scale=3.0),
        lambda state: state.update(scale=np.ones((1, 1))),
        lambda state: state.update(scale=np.nan),
        lambda state: state.update(scale=leaf(2.0)),
        lambda state: state.update(scale=Tensor(2.0 + 1e-9, dtype="f8")),
    ],
)
def test_other_values_the_second_time_are_an_error(change: Any) -> None:
    x, state = leaf(1.0, 2.0), {"scale": 2.0}
    y = checkpoint(lambda x: x * state["scale"], x)
    change(state)
    with pytest.raises(GraphError, match="f gave other values"):
        y.sum().backward()


def test_another_number_of_results_is_an_error() -> None:
    x, state = leaf(2.0), {"n": 2}
    y, _ = checkpoint(lambda x: [x * x] * state["n"], x)
    state["n"] = 1
    with pytest.raises(GraphError, match="other values"):
        y.backward()


def test_rounding_and_what_is_not_finite_are_no_other_values() -> None:
    x, state = leaf(1.0, np.nan, np.inf, -np.inf), {"noise": 0.0}
    y = checkpoint(lambda x: x * (1.0 + state["noise"]), x)
    state["noise"] = 4e-16
    y.backward(np.ones(4))
    np.testing.assert_allclose(x.grad.data, 1.0)


# --- memory, freeing, anomalies


def test_the_memory_of_a_deep_chain() -> None:
    def block(x: Any) -> Any:
        for _ in range(10):
            x = tg.tanh(x)
        return x

    def peak(run: Any) -> int:
        x = Tensor(np.ones(100_000), requires_grad=True)
        tracemalloc.start()
        y = x
        for _ in range(20):
            y = run(block, y)
        y.sum().backward()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # 200 results without, 20 + 10 with
    assert peak(checkpoint) < peak(apply) / 3


def test_a_dropped_result_frees_everything_at_once() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2.0
    held = weakref.ref(h)

    def f(x: Any) -> Any:
        return (x * x, x + 1.0)

    gc.disable()
    try:
        y = checkpoint(f, h)
        del h
        loss = (y[0] * y[1]).sum()
        node = weakref.ref(loss)
        loss.backward()
        del y, loss
        assert node() is None
        assert held() is None
    finally:
        gc.enable()


def test_anomalies_are_named_at_their_line() -> None:
    x = leaf(0.0)

    def f(x: Any) -> Any:
        return tg.sqrt(x) * 2.0

    with tg.detect_anomaly(), np.errstate(all="ignore"):
        y = checkpoint(f, x)
        with pytest.raises(AnomalyError, match=r"of sqrt.*tg.sqrt\(x\) \* 2.0"):
            y.backward()
        with pytest.raises(AnomalyError, match="log gave"):
            checkpoint(lambda x: tg.log(x - 1.0), x)


def test_it_can_be_drawn() -> None:
    x, w = leaf(1.0), leaf(2.0)
    drawing = str(tg.viz.draw(checkpoint(lambda x: x * w, x) + 1.0))
    assert "<B>checkpoint</B>" in drawing
    assert "<B>multiply</B>" not in drawing
