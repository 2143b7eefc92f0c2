"""The same functions in torch.func, JAX and HIPS autograd, where they are installed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import functional
from tensorgrad.functional import grad, hessian, hvp, jacobian, jvp, vjp

RNG = np.random.default_rng(0)
INPUTS = tuple(RNG.normal(size=shape) for shape in [(4, 3), (3, 2), (2,)])
TANGENTS = tuple(RNG.normal(size=x.shape) for x in INPUTS)
G = RNG.normal(size=(4, 2))
ALL = (0, 1, 2)


def rows(m: Any, x: Any, w: Any, b: Any) -> Any:
    """(4, 2), written with what `m`, a library, calls its functions."""
    return m.tanh(x @ w + b) * m.sin(b)


def number(m: Any, x: Any, w: Any, b: Any) -> Any:
    z = m.exp(m.sin(x @ w)) / (b * b + 1.0)
    return (z * z).sum() + (m.sqrt(x * x + 1.0)).sum()


def bound(f: Callable[..., Any], library: Any) -> Callable[..., Any]:
    return lambda *xs: f(library, *xs)


ROWS, NUMBER = bound(rows, tg), bound(number, tg)


def same(ours: Any, others: Any) -> None:
    if isinstance(ours, tuple):
        assert len(ours) == len(others)
        for a, b in zip(ours, others, strict=True):
            same(a, b)
    else:
        np.testing.assert_allclose(ours, np.asarray(others), rtol=1e-9, atol=1e-12)


def test_torch_func() -> None:
    torch = pytest.importorskip("torch")
    from torch import func

    xs = tuple(map(torch.tensor, INPUTS))
    ts = tuple(map(torch.tensor, TANGENTS))
    f, h = bound(rows, torch), bound(number, torch)
    same(grad(NUMBER, ALL)(*INPUTS), func.grad(h, ALL)(*xs))
    same(vjp(ROWS, *INPUTS)[1](G), func.vjp(f, *xs)[1](torch.tensor(G)))
    by_all = func.jacrev(f, ALL)
    same(jacobian(ROWS, ALL)(*INPUTS), by_all(*xs))
    same(jacobian(ROWS, ALL, mode="forward")(*INPUTS), by_all(*xs))
    same(hessian(NUMBER, ALL)(*INPUTS), func.jacrev(func.jacrev(h, ALL), ALL)(*xs))
    # the Hessian is symmetric, so its product is that of its transpose too
    same(hvp(NUMBER, INPUTS, TANGENTS), func.vjp(func.grad(h, ALL), *xs)[1](ts))
    third = func.jacrev(func.jacrev(func.jacrev(h, 2), 2), 2)
    same(jacobian(hessian(NUMBER, 2), 2)(*INPUTS), third(*xs))


def test_jax() -> None:
    jax = pytest.importorskip("jax")
    f, h = bound(rows, jax.numpy), bound(number, jax.numpy)

    def theirs(xs: Any, ts: Any, g: Any) -> Any:
        return (
            jax.vjp(f, *xs)[1](g),
            jax.jvp(f, xs, ts),
            jax.jvp(jax.grad(h, ALL), xs, ts)[1],
            jax.jacrev(jax.hessian(h, 2), 2)(*xs),
        )

    ours = (
        vjp(ROWS, *INPUTS)[1](G),
        jvp(ROWS, INPUTS, TANGENTS),
        hvp(NUMBER, INPUTS, TANGENTS),
        jacobian(hessian(NUMBER, 2), 2)(*INPUTS),
    )
    with jax.enable_x64(True):
        same(ours, jax.jit(theirs)(INPUTS, TANGENTS, G))


def test_hips_autograd() -> None:
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    f, h = bound(rows, anp), bound(number, anp)
    same(grad(NUMBER, ALL)(*INPUTS), autograd.grad(h, ALL)(*INPUTS))
    same(jacobian(ROWS, 1)(*INPUTS), autograd.jacobian(f, 1)(*INPUTS))
    same(hessian(NUMBER, 2)(*INPUTS), autograd.hessian(h, 2)(*INPUTS))
    product = autograd.hessian_vector_product(h, 1)(*INPUTS, TANGENTS[1])
    same(
        hvp(lambda w: NUMBER(INPUTS[0], w, INPUTS[2]), INPUTS[1], TANGENTS[1]), product
    )
    same(vjp(ROWS, *INPUTS)[1](G)[0], autograd.make_vjp(f)(*INPUTS)[0](G))


def test_names_and_the_order_of_results_are_those_of_jax() -> None:
    jax = pytest.importorskip("jax")

    def f(p: Any, x: Any) -> Any:
        return (p["w"] * x).sum(), {"aux": p["w"] * 2.0}

    def g(p: Any, x: Any) -> Any:
        return {"rows": f(p, x)[0] * x}

    p, x = {"w": np.ones(2, np.float32)}, np.arange(2, dtype=np.float32)
    for derive in [
        lambda m, p, x: m.grad(f, has_aux=True)(p, x),
        lambda m, p, x: m.value_and_grad(f, has_aux=True)(p, x),
        lambda m, p, x: m.value_and_grad(f, (0, 1), has_aux=True)(p, x),
        lambda m, p, x: m.vjp(g, p, x)[1]({"rows": x}),
        lambda m, p, x: m.jvp(g, (p, x), (p, x)),
        lambda m, p, x: (m.jacobian if m is functional else m.jacrev)(g, (0, 1))(p, x),
        lambda m, p, x: m.hessian(lambda *xs: f(*xs)[0], (0, 1))(p, x),
    ]:
        ours, theirs = derive(functional, p, x), jax.jit(partial(derive, jax))(p, x)
        assert jax.tree.structure(ours) == jax.tree.structure(theirs)
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(getattr(a, "data", a), b, strict=True)
