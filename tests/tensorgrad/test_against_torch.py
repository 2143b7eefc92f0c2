"""Every op beside PyTorch's: values, gradients and second-order gradients."""

import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from tensorgrad.testing.domains import DOMAINS
from tests.tensorgrad.checks import (
    differentiable,
    leaves,
    listed,
    second_slopes,
    slopes,
    weights_for,
)

torch: Any = pytest.importorskip("torch")
from tests.tensorgrad.in_torch import TORCH  # noqa: E402 - it imports torch

SMOOTH = sorted(name for name, domain in DOMAINS.items() if domain.smooth)


def theirs(inputs: Any, settings: Any, function: Callable[..., Any]) -> Any:
    """PyTorch's values, gradients and second-order gradients, weighed as in checks."""
    tracked, xs = [], []
    for x in inputs:
        if isinstance(x, np.ndarray):
            x = torch.tensor(np.asarray(x), requires_grad=differentiable(x))
            tracked += [x] if x.requires_grad else []
        xs.append(x)
    outs = listed(function(*xs, **settings))
    weights = weights_for([tuple(out.shape) for out in outs], seed=0)
    out = sum((o * torch.tensor(w)).sum() for o, w in zip(outs, weights, strict=True))
    first = gradients(out, tracked, create_graph=True)
    weights = weights_for([tuple(g.shape) for g in first], seed=1)
    sums = [(g * torch.tensor(w)).sum() for g, w in zip(first, weights, strict=True)]
    second = gradients(sum(sums), tracked)
    return [[x.detach().numpy(force=True) for x in xs] for xs in (outs, first, second)]


def gradients(out: Any, inputs: Any, create_graph: bool = False) -> Any:
    if not out.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    return torch.autograd.grad(
        out, inputs, create_graph=create_graph, materialize_grads=True
    )


def test_every_op_with_derivatives_has_a_counterpart() -> None:
    assert not set(SMOOTH) - TORCH.keys()


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_as_pytorch_has_it(name: str, data: Any) -> None:
    inputs, settings = data.draw(DOMAINS[name].cases)

    def ours(*xs: Any) -> Any:
        if name == "einsum":
            return tg.einsum(settings["subscripts"], *xs)
        return getattr(tg, name)(*xs, **settings)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of PyTorch's, about empty arrays
        values, first, second = theirs(inputs, settings, TORCH[name])
    found = [out.data for out in listed(ours(*leaves(inputs)))]
    for one, other in zip(found, values, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)
    for derivatives, expected in ((slopes, first), (second_slopes, second)):
        for one, other in zip(derivatives(ours, inputs), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("x", [-2.0, -1.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("y", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_powers_where_they_are_not_smooth(x: float, y: float) -> None:
    expected = theirs([np.array(x), np.array(y)], {}, torch.pow)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = slopes(tg.power, [np.array(x), np.array(y)])
    np.testing.assert_allclose(found, expected[1])


KINKED = {
    "relu": (tg.relu, torch.relu),
    "absolute": (tg.absolute, torch.abs),
    "sign": (tg.sign, torch.sign),
    "sqrt": (tg.sqrt, torch.sqrt),
    "maximum": (lambda x: tg.maximum(x, x * x), lambda x: torch.maximum(x, x * x)),
    "minimum": (lambda x: tg.minimum(x, x * x), lambda x: torch.minimum(x, x * x)),
    "max": (tg.max, torch.amax),
    "min": (tg.min, torch.amin),
    "clip": (lambda x: tg.clip(x, min=0, max=1), lambda x: torch.clamp(x, 0, 1)),
}


@pytest.mark.parametrize(("ours", "other"), KINKED.values(), ids=KINKED)
def test_kinks_as_pytorch_has_them(ours: Any, other: Any) -> None:
    x = np.array([1.0, 0.0, 1.0, 0.0, 2.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = slopes(ours, [x])
    np.testing.assert_allclose(found, theirs([x], {}, other)[1])
