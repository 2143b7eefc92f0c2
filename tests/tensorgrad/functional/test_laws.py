"""What holds for every smooth function, whatever it returns."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from tensorgrad.functional import checkpoint, grad, hessian, hvp, jacobian, jvp, vjp
from tests.tensorgrad.functional.functions import (
    FUNCTIONS,
    Function,
    close,
    entangled,
    flat,
    functions,
    points,
    slope,
    value,
    weights,
)

every_function = pytest.mark.parametrize("f", FUNCTIONS)


def total(f: Function) -> Function:
    """A number that depends on all that f returns, in different ways."""

    def number(*xs: Any) -> Any:
        parts = tg.functional.trees.leaves(f(*xs))
        return sum((tg.sin(part * (i + 1.0))).sum() for i, part in enumerate(parts))

    return number


@given(functions, points())
def test_jvp_is_the_slope_and_vjp_its_transpose(f: Function, xs: Any) -> None:
    ts = weights(xs, 1)
    out, pushed = jvp(f, xs, ts)
    np.testing.assert_array_equal(flat(out), value(f)(*xs))
    close(pushed, slope(value(f), xs, ts))
    again, pullback = vjp(f, *xs)
    np.testing.assert_array_equal(flat(again), flat(out))
    g = weights(out, 2)
    pulled = pullback(g)
    np.testing.assert_allclose(flat(g) @ flat(pushed), flat(pulled) @ flat(ts))
    np.testing.assert_array_equal(flat(pullback(g)), flat(pulled))


@given(functions, points())
def test_both_modes_give_the_jacobian(f: Function, xs: Any) -> None:
    by_rows = jacobian(f, (0, 1), mode="reverse")(*xs)
    by_columns = jacobian(f, (0, 1), mode="forward")(*xs)
    np.testing.assert_allclose(flat(by_rows), flat(by_columns), atol=1e-12)
    blocks = tg.functional.trees.leaves(by_rows)  # each output by x, then by y
    out = vjp(f, *xs)[0]
    shapes = [
        np.shape(y) + x.shape for y in tg.functional.trees.leaves(out) for x in xs
    ]
    assert [block.shape for block in blocks] == shapes
    for i, x in enumerate(xs):
        columns = [b.reshape(-1, x.size) for b in blocks[i::2]]
        for k, unit in enumerate(np.eye(x.size)):
            ts = [unit if j == i else np.zeros_like(z) for j, z in enumerate(xs)]
            close(np.concatenate([c[:, k] for c in columns]), slope(value(f), xs, ts))


@given(functions, points())
def test_the_hessian_is_the_symmetric_slope_of_the_gradient(
    f: Function, xs: Any
) -> None:
    f = total(f)
    (xx, xy), (yx, yy) = hessian(f, (0, 1))(*xs)
    np.testing.assert_allclose(xx, xx.T, atol=1e-10 * (1 + abs(xx).max()))
    np.testing.assert_allclose(xy, yx.T, atol=1e-10 * (1 + abs(xy).max()))
    ts = weights(xs, 3)
    expected = slope(lambda *xs: flat(grad(f, (0, 1))(*xs)), xs, ts)
    product = hvp(f, xs, ts)
    close(product, expected)
    np.testing.assert_allclose(
        flat(product),
        flat((xx @ ts[0] + xy @ ts[1], yx @ ts[0] + yy @ ts[1])),
        atol=1e-10 * (1 + abs(flat(product)).max()),
    )


@every_function
def test_products_can_be_differentiated_again(f: Function) -> None:
    xs = np.array([0.3, -0.2, 1.1]), np.array([0.5, -0.4])
    ts = weights(xs, 4)

    def pushed(*xs: Any) -> Any:
        return total(lambda *xs: jvp(f, xs, ts)[1])(*xs)

    def pulled(*xs: Any) -> Any:
        out, pullback = vjp(f, *xs)
        return total(lambda *xs: pullback(weights(out, 5)))(*xs)

    def curved(*xs: Any) -> Any:
        return total(lambda *xs: hvp(total(f), xs, ts))(*xs)

    u = tuple(0.1 * t for t in weights(xs, 5))  # short: these functions turn fast
    for g in pushed, pulled, curved:
        first = grad(g, (0, 1))(*xs)
        along = slope(lambda *xs, g=g: flat(g(*map(tg.Tensor, xs)).data), xs, u)
        close(flat(first) @ flat(u), along)
        second = slope(lambda *xs, g=g: flat(grad(g, (0, 1))(*xs)), xs, u)
        close(hvp(g, xs, u), second)


@every_function
def test_tracked_cotangents_and_tangents_get_gradients(f: Function) -> None:
    xs = np.array([0.3, -0.2, 1.1]), np.array([0.5, -0.4])
    ts = weights(xs, 6)
    out, pullback = vjp(f, *xs)
    g = weights(out, 7)
    # both are linear: the derivative by the vector is the other product
    by_tangent = grad(lambda ts: dot(jvp(f, xs, ts)[1], g))(ts)
    close(by_tangent, pullback(g), 1e-12)
    by_cotangent = grad(lambda g: dot(pullback(g), ts))(g)
    close(by_cotangent, jvp(f, xs, ts)[1], 1e-12)
    u = weights(xs, 8)
    by_vector = grad(lambda ts: dot(hvp(total(f), xs, ts), u))(ts)
    close(by_vector, hvp(total(f), xs, u), 1e-12)


def dot(tree: Any, other: Any) -> Any:
    leaves = tg.functional.trees.leaves
    return sum((x * y).sum() for x, y in zip(leaves(tree), leaves(other), strict=True))


@given(functions, points())
def test_a_checkpoint_changes_no_bit(f: Function, xs: Any) -> None:
    def checkpointed(*xs: Any) -> Any:
        return checkpoint(f, *xs)

    g = weights(vjp(f, *xs)[0], 9)
    for plain, kept in [
        (vjp(f, *xs)[0], vjp(checkpointed, *xs)[0]),
        (vjp(f, *xs)[1](g), vjp(checkpointed, *xs)[1](g)),
        (grad(total(f), (0, 1))(*xs), grad(total(checkpointed), (0, 1))(*xs)),
        (
            hvp(total(f), xs, weights(xs, 1)),
            hvp(total(checkpointed), xs, weights(xs, 1)),
        ),
    ]:
        np.testing.assert_allclose(flat(kept), flat(plain), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(
        flat(vjp(checkpointed, *xs)[1](g)), flat(vjp(f, *xs)[1](g))
    )


@pytest.mark.parametrize("wrapped", [False, True])
def test_third_derivatives_of_entangled_variables(wrapped: bool) -> None:
    f = total(entangled)
    if wrapped:
        f = total(lambda *xs: checkpoint(entangled, *xs))
    xs = np.array([0.3, -0.2]), np.array([0.5])
    ts = weights(xs, 1)
    third = jacobian(hessian(f))(*xs)
    assert third.shape == (2, 2, 2)
    for axes in [(0, 2, 1), (1, 0, 2), (2, 1, 0)]:
        np.testing.assert_allclose(third, third.transpose(axes), atol=1e-10)
    expected = slope(lambda x: flat(hessian(f)(x, xs[1])), xs[:1], ts[:1])
    close(third @ ts[0], expected)
