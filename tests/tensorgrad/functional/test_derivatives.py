"""grad, value_and_grad, vjp, jvp, hvp: what goes in, what comes out, and nesting."""

import gc
import weakref
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, no_grad
from tensorgrad.errors import (
    AnomalyError,
    ConfigError,
    DtypeError,
    GraphError,
    MutationError,
    ShapeError,
)
from tensorgrad.functional import (
    checkpoint,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from tests.tensorgrad.checks import leaf


def square(x: Any) -> Any:
    return (x * x).sum()


def is_array(x: Any) -> bool:
    return type(x) is np.ndarray


# --- what goes in comes out


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_arrays_give_arrays_of_their_dtype(dtype: str) -> None:
    x = np.array([1.0, 2.0], dtype)
    seen = []

    def f(x: Any) -> Any:
        seen.append(x)
        return square(x)

    value, found = value_and_grad(f)(x)
    assert isinstance(seen[0], Tensor)
    assert is_array(value)
    assert is_array(found)
    assert value.shape == ()
    assert value.dtype == found.dtype == dtype
    assert found.tolist() == [2, 4]


@pytest.mark.parametrize("x", [3, 3.0, np.float64(3), np.array(3.0)])
def test_numbers_count_as_float64(x: Any) -> None:
    value, found = value_and_grad(lambda x: x * x)(x)
    assert is_array(value)
    assert is_array(found)
    assert value.dtype == found.dtype == np.float64
    assert (value.tolist(), found.tolist()) == (9, 6)


def test_numpy_scalars_keep_their_dtype() -> None:
    assert grad(lambda x: x * x)(np.float32(3)).dtype == np.float32


def test_tensors_give_untracked_tensors() -> None:
    value, found = value_and_grad(square)(Tensor([1.0, 2.0]))
    assert isinstance(value, Tensor)
    assert isinstance(found, Tensor)
    assert found.dtype == np.float32
    assert not value.requires_grad
    assert not found.requires_grad


def test_a_tracked_input_keeps_its_grad_and_tracks_the_gradient() -> None:
    x = leaf(1.0, 2.0)
    found = grad(lambda x: (x * x * x).sum())(x)
    assert found.requires_grad
    assert x.grad is None
    found.sum().backward()
    assert x.grad.tolist() == [6, 12]


def test_the_kinds_of_several_arguments_may_differ() -> None:
    value, (gx, gy) = value_and_grad(lambda x, y: x * y, (0, 1))(2.0, Tensor(3.0))
    assert is_array(gx)
    assert isinstance(gy, Tensor)
    assert isinstance(value, Tensor)


def test_results_are_the_callers_own() -> None:
    """Writing to one changes nothing else: no input, no other result, no pullback."""
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    gx, gy = grad(lambda x, y: (x + y).sum(), (0, 1))(x, y)
    gx[:] = 9
    assert gy.tolist() == [1, 1]
    (value,), pullback = vjp(lambda x: (tg.exp(x),), x)
    expected = np.exp(x)
    x[:] = value[:] = 0
    g = np.ones(2)
    (found,) = pullback((g,))
    np.testing.assert_allclose(found, expected)
    found[:] = 7
    assert g.tolist() == [1, 1]
    np.testing.assert_allclose(pullback((g,))[0], expected)
    (same,) = vjp(lambda x: x, x)[1](g)
    same[:] = 5
    assert g.tolist() == [1, 1]


def test_writing_to_a_gradient_tensor_changes_no_other() -> None:
    gx, gy = grad(lambda x, y: (x + y).sum(), (0, 1))(Tensor([1.0]), Tensor([2.0]))
    gx[0] = 5.0
    assert gy.tolist() == [1]


class Pair(NamedTuple):
    left: Any
    right: Any


@pytest.mark.parametrize(
    "tree",
    [
        {"w": [1.0, np.ones(2)], "b": None},
        Pair(1.0, (2.0, np.ones(3))),
        OrderedDict(b=1.0, a=Pair(2.0, [])),
        defaultdict(float, a=1.0),
        [],
        (),
        None,
    ],
)
def test_a_gradient_is_built_like_its_argument(tree: Any) -> None:
    def f(tree: Any, x: Any) -> Any:
        assert type(tree) is type(kept)
        return sum(square(leaf) for leaf in tg.functional.trees.leaves(tree)) + x * x

    kept = tree
    found = grad(f)(tree, 3.0)
    leaves = tg.functional.trees.leaves
    same = tg.functional.trees.rebuilt(found, iter(leaves(tree)))
    assert repr(same) == repr(tree)
    for g, x in zip(leaves(found), leaves(tree), strict=True):
        np.testing.assert_array_equal(g, 2 * np.asarray(x), strict=False)
    both = grad(f, (0, 1))(tree, 3.0)
    assert both[1] == 6


def test_other_arguments_are_passed_on_as_they_are() -> None:
    marker, tokens = object(), np.array([0, 2])

    def f(flag: Any, x: Any, tokens_: Any, *, named: Any) -> Any:
        assert (flag, named) == ("text", marker)
        assert tokens_ is tokens
        return x[tokens_].sum()

    found = grad(f, argnums=1)("text", np.ones(3), tokens, named=marker)
    assert found.tolist() == [1, 0, 1]
    assert grad(f, argnums=-2)("text", np.ones(3), tokens, named=marker)[0] == 1
    assert grad(f, argnums=[1])("text", np.ones(3), tokens, named=marker)[0][2] == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: grad(square)(np.arange(3)), DtypeError, "grad: input is int64"),
        (lambda: grad(square)(Tensor([1])), DtypeError, "only floats have gradients"),
        (
            lambda: grad(square)({"a": [True]}),
            DtypeError,
            r"input\['a'\]\[0\] is a bool",
        ),
        (lambda: vjp(square, 1j), DtypeError, r"vjp: input\[0\] is a complex"),
        (lambda: grad(square)("x"), DtypeError, "a str"),
        (lambda: grad(lambda x: x)(np.ones(2)), ShapeError, "jacobian"),
        (lambda: grad(lambda x: (x, 1))(1.0), ShapeError, "tuple.*has_aux"),
        (lambda: grad(lambda x: None)(1.0), ShapeError, "NoneType"),
        (lambda: grad(lambda x: "no")(1.0), DtypeError, "f's result is a str"),
        (lambda: grad(lambda x: x, has_aux=True)(1.0), ShapeError, "pair"),
        (lambda: hvp(lambda x: x, np.ones(2), np.ones(2)), ShapeError, "hvp: f should"),
        (lambda: grad(square, 1)(1.0), ConfigError, "argnums=1.*1 positional"),
        (lambda: grad(square, (0, -1))(1.0), ConfigError, "different"),
        (lambda: grad(square)(x=1.0), ConfigError, "0 positional"),
        (lambda: jvp(square, (1.0,), 1.0), ShapeError, "jvp: the tangent.*tuple of 1"),
        (lambda: jvp(square, (1.0,), (np.ones(2),)), ShapeError, r"\[0\] has shape"),
        (lambda: jvp(lambda x: x["a"], {"a": 1.0}, {}), ShapeError, r"keys \['a'\]"),
        (lambda: jvp(lambda x: 1.0, [None], [1.0]), ShapeError, "should be None"),
        (
            lambda: vjp(square, 1.0)[1](np.ones(2)),
            ShapeError,
            "the cotangent has shape",
        ),
        (lambda: vjp(lambda x: {"a": x}, 1.0)[1](1.0), ShapeError, "a dict"),
    ],
)
def test_what_is_refused_says_why(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_one_element_of_any_shape_is_a_number() -> None:
    value, found = value_and_grad(lambda x: (x * x).reshape(1, 1))(3.0)
    assert value.shape == (1, 1)
    assert found == 6


@pytest.mark.parametrize("out", [2.0, 2, np.ones(()), Tensor(1.0)])
def test_a_constant_has_gradient_zero(out: Any) -> None:
    value, found = value_and_grad(lambda x: out)(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(found, np.zeros((2, 3), np.float32), strict=True)
    assert value == (2 if type(out) in (float, int) else 1)
    assert grad(lambda x, y: y * y, (0, 1))(np.ones(2), 3.0)[0].tolist() == [0, 0]
    assert grad(lambda x: tg.argmax(x) if False else x.argmax())(np.ones(2))[0] == 0


def test_a_closed_over_tracked_constant_has_gradient_zero() -> None:
    w = leaf(2.0)
    value, found = value_and_grad(lambda x: w * w)(1.0)
    assert found == 0
    assert is_array(found)
    assert value.requires_grad


def test_inputs_without_elements() -> None:
    assert grad(lambda x: x.sum())(np.ones((0, 2))).shape == (0, 2)
    out, pushed = jvp(lambda x: x * x, np.ones((0,)), np.ones((0,)))
    assert out.shape == pushed.shape == (0,)


def test_aux_is_returned_as_it_is() -> None:
    marker = object()
    found, aux = grad(lambda x: (x * x, marker), has_aux=True)(3.0)
    assert (found, aux) == (6, marker)
    (value, _), found = value_and_grad(lambda x: (x * x, marker), has_aux=True)(3.0)
    assert (value, found) == (9, 6)
    value, pullback, aux = vjp(lambda x: (x * x, marker), 3.0, has_aux=True)
    assert (value, pullback(1.0), aux) == (9, (6,), marker)


def test_tensors_in_aux_are_tracked_by_others_alone() -> None:
    w = leaf(2.0)

    def f(x: Any) -> Any:
        y = x * x
        return y * 1.0, {"ours": y, "theirs": y * w, "constant": [Tensor(1.0), "s"]}

    _, aux = grad(f, has_aux=True)(3.0)
    assert not aux["ours"].requires_grad
    assert aux["ours"].item() == 9
    aux["theirs"].backward()
    assert w.grad.item() == 9
    assert aux["constant"][1] == "s"
    found, aux = (
        grad(lambda x: grad(f, has_aux=True)(x)[1]["ours"], has_aux=False)(3.0),
        0,
    )
    assert found == 6


def test_the_pullback_is_reusable_and_takes_lists() -> None:
    _, pullback = vjp(lambda x, y: {"p": x * y, "q": [x]}, np.ones(2), np.full(2, 3.0))
    for _ in range(2):
        gx, gy = pullback({"q": [np.ones(2)], "p": [1, 2]})
        assert (gx.tolist(), gy.tolist()) == ([4, 7], [1, 2])


def test_what_has_no_leaves_is_none_in_the_other_trees_too() -> None:
    f = lambda p: (p["w"] * p["w"], None)  # noqa: E731
    p = {"w": 3.0, "b": None}
    out, pushed = jvp(f, (p,), (p,))
    assert (out, pushed) == ((9, None), (18, None))
    assert vjp(f, p)[1]((1.0, None)) == ({"w": 6, "b": None},)


def test_seeds_and_tangents_are_cast() -> None:
    x = np.ones(2, np.float32)
    assert vjp(lambda x: x * x, x)[1](np.ones(2))[0].dtype == np.float32
    assert vjp(lambda x: x * x, x)[1](Tensor(np.ones(2)))[0].dtype == np.float32
    assert jvp(lambda x: x * x, x, np.ones(2))[1].dtype == np.float32


def test_integer_results_are_constants() -> None:
    out, pushed = jvp(lambda x: (x.argmax(), x * 2.0), np.ones(2), np.ones(2))
    assert out[0].dtype.kind == "i"
    assert pushed[0] == 0
    assert pushed[1].tolist() == [2, 2]
    assert vjp(lambda x: x.argmax(), np.ones(2))[1](1)[0].tolist() == [0, 0]


# --- f may do as it likes


def test_f_may_write_to_its_input_and_the_caller_never_sees_it() -> None:
    def f(x: Any) -> Any:
        x[0] = x[1] * x[1]
        x *= 2.0
        return x.sum()

    for x in np.array([1.0, 3.0]), Tensor([1.0, 3.0]), leaf(1.0, 3.0):
        assert grad(f)(x).tolist() == [0, 14]
        assert x.tolist() == [1, 3]


def test_f_can_not_lose_the_gradient_unnoticed() -> None:
    for lose in (lambda x: np.asarray(x).sum(), lambda x: x.numpy().sum()):
        with pytest.raises(GraphError, match="detach"):
            grad(lose)(np.ones(2))
    assert grad(lambda x: x.detach().sum())(np.ones(2)).tolist() == [0, 0]


def test_no_grad_inside_makes_constants() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            frozen = x * x
        return frozen * x

    assert grad(f)(3.0) == 9
    assert grad(grad(f))(3.0) == 0
    assert jvp(f, 3.0, 1.0)[1] == 9
    assert checkpointed_grad(f)(3.0) == 9


def checkpointed_grad(f: Any) -> Any:
    return grad(lambda x: checkpoint(f, x))


def test_no_grad_outside_stops_tracking_but_not_the_derivative() -> None:
    w, x = leaf(2.0), leaf(3.0)
    with no_grad():
        found = grad(lambda x: x * x * w)(x)
        assert found.item() == 12
        assert not found.requires_grad
        assert is_array(grad(lambda x: x * x * w)(3.0))
        assert grad(grad(lambda x: x * x * w))(3.0) == 4
        value, pullback = vjp(lambda x: x * x * w, 3.0)
        assert is_array(value)
        assert is_array(pullback(1.0)[0])
        assert is_array(hvp(lambda x: x * x * w, 3.0, leaf(1.0).detach()))
        assert is_array(jacobian(lambda x: x * x * w)(3.0))
        assert [is_array(y) for y in jvp(lambda x: x * w, 3.0, 1.0)] == [True, True]


@no_grad()
def test_a_derivative_in_a_function_under_no_grad() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            slope = grad(lambda y: y * y * x)(x)
        assert not slope.requires_grad
        return slope * x

    assert grad(f)(3.0) == 18


def test_hooks_and_retained_gradients_inside() -> None:
    seen = []

    def f(x: Any) -> Any:
        x.register_hook(lambda g: g * 10.0)
        y = x * x
        y.register_hook(lambda g: seen.append(g.item()))
        return y * 2.0

    assert grad(f)(3.0) == 120
    assert seen == [2]


def test_a_tensor_given_twice_has_two_gradients() -> None:
    x = leaf(3.0)
    gx, gy = grad(lambda x, y: x * x * y, (0, 1))(x, x)
    assert (gx.item(), gy.item()) == (18, 9)
    gx.backward()  # 2 x y, by both
    assert x.grad.item() == 12


def test_the_closed_over_variable_and_the_argument_are_two() -> None:
    x = leaf(3.0)
    assert grad(lambda y: y * y * x)(x).item() == 18
    assert grad(lambda x: grad(lambda y: y * y * x)(x))(3.0) == 12


def test_user_leaves_inside_f() -> None:
    def f(x: Any) -> Any:
        inner = Tensor(np.array(5.0), requires_grad=True)
        return tg.grad(inner * inner * x, inner, create_graph=True) * inner

    found = grad(f)(2.0)
    assert is_array(found)
    assert found == 50
    assert is_array(grad(grad(f))(2.0))


def test_deep_graphs() -> None:
    def f(x: Any) -> Any:
        for _ in range(5000):
            x = x * 1.0
        return x * x

    assert grad(f)(3.0) == 6
    assert hvp(f, 3.0, 1.0) == 2


def test_graphs_are_freed_without_the_garbage_collector() -> None:
    held: list[Any] = []

    def f(x: Any) -> Any:
        y = x * x
        held.append(weakref.ref(y))
        return (y * x).sum()

    x = np.ones(2)
    gc.disable()
    try:
        for derive in (grad(f), hessian(f), jacobian(f, mode="forward")):
            derive(x)
        hvp(f, x, x)
        jvp(f, x, x)
        value, pullback = vjp(f, x)
        pullback(value)
        del pullback
        assert [ref() for ref in held] == [None] * 6
    finally:
        gc.enable()


def test_anomalies_are_found_in_both_passes() -> None:
    with tg.detect_anomaly():
        with pytest.raises(AnomalyError, match="log gave"), np.errstate(all="ignore"):
            grad(tg.log)(-1.0)
        with pytest.raises(AnomalyError, match="of sqrt"), np.errstate(all="ignore"):
            grad(tg.sqrt)(0.0)


def test_leaves_refuse_writes_as_elsewhere() -> None:
    w = leaf(1.0)

    def f(x: Any) -> Any:
        nonlocal w
        w += 1.0
        return x * w

    with pytest.raises(MutationError):
        grad(f)(1.0)
