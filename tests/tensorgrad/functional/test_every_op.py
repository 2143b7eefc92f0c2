"""The plumbing of jvp, vjp, hvp and checkpoint, with every smooth op inside.

That an op's own derivative is right is tested elsewhere, against finite differences.
"""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tensorgrad as tg
from tensorgrad.functional import checkpoint, grad, hvp, jvp, vjp
from tensorgrad.testing.domains import DOMAINS
from tensorgrad.testing.problem import differentiable
from tests.tensorgrad.functional.functions import flat, weights

SMOOTH = sorted(name for name, domain in DOMAINS.items() if domain.smooth)
FEW = settings().max_examples // 10  # for each of so many ops


def drawn(data: Any, name: str) -> Any:
    """The op as a function of its inputs of floats alone, and those."""
    inputs, options = data.draw(DOMAINS[name].cases)
    places = [i for i, x in enumerate(inputs) if differentiable(x)]

    def f(*xs: Any) -> Any:
        full = list(inputs)
        for i, x in zip(places, xs, strict=True):
            full[i] = x
        if name == "einsum":
            return tg.einsum(options["subscripts"], *full)
        return getattr(tg, name)(*full, **options)

    return f, tuple(inputs[i] for i in places)


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=FEW)
@given(data=st.data())
def test_products_agree_and_a_checkpoint_changes_nothing(name: str, data: Any) -> None:
    f, xs = drawn(data, name)
    ts = weights(xs, 1)
    out, pushed = jvp(f, xs, ts)
    g = weights(out, 2)
    pulled = vjp(f, *xs)[1](g)
    scale = 1 + abs(flat(pulled)).sum() + abs(flat(pushed)).sum()
    np.testing.assert_allclose(
        flat(g) @ flat(pushed), flat(pulled) @ flat(ts), atol=1e-10 * scale
    )

    def total(f: Any) -> Any:
        return lambda *xs: sum(
            (tg.sin(y) * w).sum()
            for y, w in zip(
                tg.functional.trees.leaves(f(*xs)),
                tg.functional.trees.leaves(g),
                strict=True,
            )
        )

    number, kept = total(f), total(lambda *xs: checkpoint(f, *xs))
    places = tuple(range(len(xs)))
    np.testing.assert_array_equal(
        flat(grad(kept, places)(*xs)), flat(grad(number, places)(*xs))
    )
    plain = flat(hvp(number, xs, ts))
    scale = 1 + abs(plain).max() if plain.size else 1
    np.testing.assert_allclose(flat(hvp(kept, xs, ts)), plain, atol=1e-10 * scale)
    forward = flat(jvp(grad(number, places), xs, ts)[1])
    np.testing.assert_allclose(forward, plain, atol=1e-10 * scale)
