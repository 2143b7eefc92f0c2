"""The MLP's step, and one op, in other libraries that one learns or tests with.

Each is written as that library's users write it: gradients by its own call, then the
step of SGD by hand. A library that is not installed is left out of the table.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .pairs import measure
from .programs import OPS_IN_CHAIN
from .tables import Options, head, memory_text, ratio_text, row, time_text

Step = Callable[[], object]
WIDTHS = (2, 16, 16, 1)
RATE = 0.1


def points_and_labels() -> tuple[np.ndarray, np.ndarray]:
    points = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    return points, np.sign(points[:, :1] * points[:, 1:])


def first_weights() -> list[np.ndarray]:
    """A weight (in, out) and a bias for each layer."""
    rng = np.random.default_rng(0)
    found = []
    for n, m in itertools.pairwise(WIDTHS):
        found.append(rng.normal(size=(n, m), scale=n**-0.5).astype(np.float32))
        found.append(np.zeros(m, np.float32))
    return found


def network(x: Any, weights: Sequence[Any], tanh: Callable[[Any], Any]) -> Any:
    for i in range(0, len(weights), 2):
        x = x @ weights[i] + weights[i + 1]
        x = tanh(x) if i + 2 < len(weights) else x
    return x


# --- HIPS/autograd


def autograd_mlp() -> Step:
    import autograd.numpy as anp
    from autograd import value_and_grad

    points, labels = points_and_labels()
    weights = first_weights()

    def loss(weights: Any) -> Any:
        return anp.mean((network(points, weights, anp.tanh) - labels) ** 2)

    differentiated = value_and_grad(loss)

    def step() -> float:
        value, gradients = differentiated(weights)
        for w, g in zip(weights, gradients, strict=True):
            w -= RATE * g
        return float(value)

    return step


def autograd_op() -> Step:
    from autograd.differential_operators import make_vjp

    def chain(start_and_b: Any) -> Any:
        x, b = start_and_b
        for _ in range(OPS_IN_CHAIN):
            x = x * b
        return x

    start, b, g = np.ones(16), np.full(16, 1.01), np.ones(16)

    def step() -> None:
        backward, _ = make_vjp(chain)((start, b))
        backward(g)

    return step


# --- MyGrad


def mygrad_mlp() -> Step:
    import mygrad as mg

    points, labels = points_and_labels()
    weights = [mg.tensor(w) for w in first_weights()]

    def step() -> float:
        value = mg.mean((network(points, weights, mg.tanh) - labels) ** 2)
        value.backward()
        for w in weights:
            w.data -= RATE * w.grad
        return float(value.item())

    return step


def mygrad_op() -> Step:
    import mygrad as mg

    start, b, g = mg.tensor(np.ones(16)), mg.tensor(np.full(16, 1.01)), np.ones(16)

    def step() -> None:
        x = start
        for _ in range(OPS_IN_CHAIN):
            x = x * b
        x.backward(g)

    return step


# --- micrograd: one scalar at a time


def micrograd_mlp() -> Step:
    from micrograd.nn import MLP

    points, labels = points_and_labels()
    model = MLP(WIDTHS[0], list(WIDTHS[1:]))  # its own activation: ReLU

    def step() -> float:
        errors = [
            model(list(map(float, p))) - float(y)
            for p, y in zip(points, labels[:, 0], strict=True)
        ]
        value = sum(error**2 for error in errors) * (1 / len(points))
        model.zero_grad()
        value.backward()
        for p in model.parameters():
            p.data -= RATE * p.grad
        return float(value.data)

    return step


# --- tinygrad, compiled: its backend for CPUs needs clang


def tinygrad_mlp() -> Step:
    from tinygrad import Tensor, TinyJit

    points, labels = map(Tensor, points_and_labels())
    weights = [Tensor(w).realize() for w in first_weights()]

    @TinyJit
    def jitted() -> Any:
        value = ((network(points, weights, Tensor.tanh) - labels) ** 2).mean()
        gradients = value.gradient(*weights)
        for w, g in zip(weights, gradients, strict=True):
            w.assign(w - RATE * g)
        return value.realize(*weights)

    return lambda: float(jitted().item())


STEPS: dict[str, dict[str, Callable[[], Step]]] = {
    "autograd": {"op": autograd_op, "mlp": autograd_mlp},
    "mygrad": {"op": mygrad_op, "mlp": mygrad_mlp},
    "micrograd": {"mlp": micrograd_mlp},
    "tinygrad": {"mlp": tinygrad_mlp},
}
TITLES = {
    "op-elsewhere": "one op, 16 elements, forward and backward",
    "mlp-elsewhere": "MLP 2-16-16-1 step, 100 points",
}


def build(side: str, name: str) -> Step:
    return STEPS[side][name]()


def show(titles: dict[str, str], options: Options) -> None:
    """A row for each library, beside ours in the same minutes."""
    for key, title in titles.items():
        name = key.partition("-")[0]
        head(title, "a step", "over tensorgrad's", "peak")
        for side in (*STEPS, "torch"):
            if side != "torch" and name not in STEPS[side]:
                continue
            if importlib.util.find_spec(side) is None:
                print(f"{side} is not installed: pip install {side}")
                continue
            found = measure(name, ["tensorgrad", side], options.rounds, options.burst)
            ratio = ratio_text(found.ratios(side, "tensorgrad"))
            cells = [time_text(found.medians[side]), ratio]
            row([side, *cells, memory_text(found.peaks[side])])
