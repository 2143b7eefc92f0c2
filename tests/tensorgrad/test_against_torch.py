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
from tensorgrad.testing.problem import Problem, differentiable

torch: Any = pytest.importorskip("torch")
from tests.tensorgrad.in_torch import TORCH  # noqa: E402 - it imports torch

SMOOTH = sorted(name for name, domain in DOMAINS.items() if domain.smooth)


def theirs(
    problem: Problem, inputs: Any, settings: Any, function: Callable[..., Any]
) -> Any:
    """PyTorch's values, gradients and second-order gradients, weighed as ours."""
    tracked, xs = [], []
    for x in inputs:
        if isinstance(x, np.ndarray):
            x = torch.tensor(np.asarray(x), requires_grad=differentiable(x))
            tracked += [x] if x.requires_grad else []
        xs.append(x)
    outs = function(*xs, **settings)
    outs = list(outs) if isinstance(outs, tuple | list) else [outs]
    outs = [out for out in outs if out.dtype.is_floating_point]
    total = weighed(outs, problem.weights)
    first = gradients(total, tracked, create_graph=True)
    total = total + weighed([0.5 * out * out for out in outs], squares(problem))
    curved = gradients(total, tracked, create_graph=True)
    second = gradients(weighed(curved, problem.direction(1)), tracked)
    return [[x.detach().numpy(force=True) for x in xs] for xs in (outs, first, second)]


def squares(problem: Problem) -> Any:
    """The weights squared, of the curvature that the second order has."""
    return [w * w for w in problem.weights]


def weighed(xs: Any, weights: Any) -> Any:
    pairs = zip(xs, weights, strict=True)
    return sum((x * torch.tensor(w, dtype=x.dtype)).sum() for x, w in pairs)


def gradients(out: Any, inputs: Any, create_graph: bool = False) -> Any:
    if not out.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    return torch.autograd.grad(
        out, inputs, create_graph=create_graph, materialize_grads=True
    )


def test_every_op_with_derivatives_has_a_counterpart() -> None:
    assert not set(SMOOTH) - TORCH.keys()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_as_pytorch_has_it(name: str, dtype: str, data: Any) -> None:
    inputs, settings = data.draw(DOMAINS[name].cases)
    if dtype == "float32":
        inputs = [narrow(x) for x in inputs]
        settings = {k: dtype if k == "dtype" else v for k, v in settings.items()}

    def ours(*xs: Any) -> Any:
        if name == "einsum":
            return tg.einsum(settings["subscripts"], *xs)
        return getattr(tg, name)(*xs, **settings)

    problem = Problem(ours, inputs, seed=0)
    outs = problem.outputs(problem.tensors())
    problem.weights = [np.asarray(problem.rng.normal(size=out.shape)) for out in outs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of PyTorch's, about empty arrays
        values, first, second = theirs(problem, inputs, settings, TORCH[name])
    found = [out.data for out in outs]
    agree(found, values, 1e-11 if dtype == "float64" else 1e-4)
    agree(problem.gradient(1), first, 1e-8 if dtype == "float64" else 2e-3)
    if dtype == "float64":
        agree(problem.gradient(2), second, 1e-8)


def narrow(x: Any) -> Any:
    """Floats as float32, constants too."""
    floats = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return x.astype("float32") if floats else x


def agree(ours: Any, others: Any, tolerance: float) -> None:
    """Shape, dtype and numbers, to the tolerance times the largest of them."""
    for one, other in zip(ours, others, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        largest = 1 + np.max(np.abs(other), initial=0)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * largest)


def both(ours: Any, other: Any, *values: Any) -> Any:
    """Our gradients at the values, and PyTorch's."""
    inputs = [np.asarray(x, float) for x in values]
    problem = Problem(ours, inputs, seed=0)
    with np.errstate(all="ignore"):
        problem.total(problem.outputs(problem.tensors()))
        return problem.gradient(1), theirs(problem, inputs, {}, other)[1]


@pytest.mark.parametrize("x", [-2.0, -1.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("y", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_powers_where_they_are_not_smooth(x: float, y: float) -> None:
    np.testing.assert_allclose(*both(tg.power, torch.pow, x, y))


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
    np.testing.assert_allclose(*both(ours, other, [1.0, 0.0, 1.0, 0.0, 2.0, 2.0]))
