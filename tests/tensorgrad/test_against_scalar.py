"""The engine of docs/path/scalar.py, 60 lines for single numbers, says the same."""

import runpy
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor
from tests.commands import ROOT

Scalar: Any = runpy.run_path(str(ROOT / "docs" / "path" / "scalar.py"))["Scalar"]

# Each step of a program takes earlier numbers; away from poles, kinks and overflow.
STEPS: dict[str, tuple[int, Callable[..., Any]]] = {
    "x + y": (2, lambda x, y: x + y),
    "x - y": (2, lambda x, y: x - y),
    "x * y": (2, lambda x, y: x * y),
    "x / (y^2 + 1)": (2, lambda x, y: x / (y**2 + 1)),
    "-x": (1, lambda x: -x),
    "2 x + 3": (1, lambda x: 2.0 * x + 3.0),
    "3 + x / 4": (1, lambda x: 3.0 + x / 4.0),
    "x^3": (1, lambda x: x**3),
    "(x^2 + 1)^-1.5": (1, lambda x: (x**2 + 1) ** -1.5),
    "tanh": (1, lambda x: x.tanh()),
    "relu(x) x": (1, lambda x: x.relu() * x),  # smooth at 0, where relu has a kink
    "exp(tanh)": (1, lambda x: x.tanh().exp()),
    "log(x^2 + 1)": (1, lambda x: (x**2 + 1).log()),
}

numbers = st.floats(-2, 2).map(lambda x: round(x, 3))


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[float], list[tuple[str, list[int]]]]:
    """The leaves, and steps that name what they do and which numbers they take."""
    leaves = draw(st.lists(numbers, min_size=1, max_size=3))
    steps = []
    for i in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(list(STEPS)))
        known = st.integers(0, len(leaves) + i - 1)
        steps.append((name, [draw(known) for _ in range(STEPS[name][0])]))
    return leaves, steps


def run(leaves: list[Any], steps: list[tuple[str, list[int]]]) -> Any:
    """The sum of tanh of every number that was computed: all of them count."""
    known = list(leaves)
    for name, taken in steps:
        known.append(STEPS[name][1](*[known[i] for i in taken]))
    total = known[-1]
    for x in known[:-1]:
        total = total + x.tanh()
    return total.tanh()


@given(programs())
def test_random_programs_have_the_same_value_and_gradients(program: Any) -> None:
    values, steps = program
    scalars = [Scalar(x) for x in values]
    tensors = [Tensor(np.array(x), requires_grad=True) for x in values]
    with np.errstate(over="ignore"):
        try:
            scalar = run(scalars, steps)
            scalar.backward()
        except OverflowError:  # towers of x^3, which NumPy calls infinite
            return
        tensor = run(tensors, steps)
        tensor.backward()
    np.testing.assert_allclose(tensor.item(), scalar.value, rtol=1e-10, atol=1e-12)
    for x, leaf in zip(scalars, tensors, strict=True):
        np.testing.assert_allclose(leaf.grad.item(), x.grad, rtol=1e-9, atol=1e-12)


@given(numbers)
def test_a_second_backward_pass_adds(value: float) -> None:
    scalar, tensor = Scalar(value), Tensor(np.array(value), requires_grad=True)
    for x in (scalar, tensor):
        (x * x).backward()
        (x * x * x).backward()
    np.testing.assert_allclose(tensor.grad.item(), scalar.grad, rtol=1e-12, atol=1e-14)


@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_a_network_unrolled_into_scalars_has_the_same_gradients(
    seed: int, B: int, into: int, hidden: int
) -> None:
    rng = np.random.default_rng(seed)
    x, target = rng.standard_normal((B, into)), rng.standard_normal((B, 1))
    shapes = [(into, hidden), (hidden,), (hidden, 1), (1,)]
    arrays = [rng.standard_normal(shape) for shape in shapes]

    w1, b1, w2, b2 = tensors = [Tensor(a, requires_grad=True) for a in arrays]
    out = tg.tanh(x @ w1 + b1) @ w2 + b2  # broadcast, multiplied, summed
    loss = ((out - target) ** 2).mean()
    loss.backward()

    unrolled = [np.vectorize(Scalar, otypes=[object])(a) for a in arrays]
    w1, b1, w2, b2 = unrolled  # arrays of Scalars: NumPy calls their + and *
    tanh = np.vectorize(lambda s: s.tanh(), otypes=[object])
    out = tanh(x @ w1 + b1) @ w2 + b2
    scalar = ((out - target) ** 2).sum() * (1 / B)
    scalar.backward()

    np.testing.assert_allclose(loss.item(), scalar.value, rtol=1e-12)
    for tensor, scalars in zip(tensors, unrolled, strict=True):
        found = np.vectorize(lambda s: s.grad, otypes=[float])(scalars)
        np.testing.assert_allclose(tensor.grad.data, found, rtol=1e-10, atol=1e-13)
