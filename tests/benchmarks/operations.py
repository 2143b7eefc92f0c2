"""Single ops beside PyTorch's, forward and backward, at three sizes.

Each is called IN_SUM times on the same inputs, square matrices, and the results are
added up, so that a time is that of the op and of an addition.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg

from .pairs import start
from .tables import Options, head, row, time_text
from .training import installed

IN_SUM = 20
SIZES = (4, 64, 512)
NEAR_ONE = ("log1p", "prod, last axis")  # where NaN, and products of 0, are not
ROWS = np.array([0, 2, 1])

# Ours of tensors, and PyTorch's of the module torch and tensors. Their names for
# methods are often the same.
Pair = tuple[Callable[..., Any], Callable[..., Any]]


def targets(x: Any) -> Any:
    return np.arange(x.shape[0]) % 4


def method(name: str) -> Pair:
    return getattr(tg, name), lambda t, x: getattr(t, name)(x)


UNARY: dict[str, Pair] = {
    **{name: method(name) for name in ("exp", "log1p", "tanh", "sin", "erf")},
    "abs": (tg.absolute, lambda t, x: x.abs()),
    "x * 2": (lambda x: x * 2, lambda t, x: x * 2),
    "x ** 2": (lambda x: x**2, lambda t, x: x**2),
    "x ** 3": (lambda x: x**3, lambda t, x: x**3),
    "clip": (
        lambda x: tg.clip(x, min=-0.5, max=0.5),
        lambda t, x: x.clamp(-0.5, 0.5),
    ),
    "relu": method("relu"),
    "leaky_relu": (tg.leaky_relu, lambda t, x: t.nn.functional.leaky_relu(x)),
    "sigmoid": method("sigmoid"),
    "silu": (tg.silu, lambda t, x: t.nn.functional.silu(x)),
    "softplus": (tg.softplus, lambda t, x: t.nn.functional.softplus(x)),
    "gelu": (tg.gelu, lambda t, x: t.nn.functional.gelu(x)),
    "gelu, tanh": (
        lambda x: tg.gelu(x, approximate="tanh"),
        lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
    ),
    "softmax": (tg.softmax, lambda t, x: x.softmax(-1)),
    "log_softmax": (tg.log_softmax, lambda t, x: x.log_softmax(-1)),
    "cross_entropy": (
        lambda x: tg.cross_entropy(x, targets(x)),
        lambda t, x: t.nn.functional.cross_entropy(
            x, t.from_numpy(targets(x)), reduction="none"
        ),
    ),
    "sum": (lambda x: x.sum(), lambda t, x: x.sum()),
    "sum, last axis": (lambda x: x.sum(axis=-1), lambda t, x: x.sum(-1)),
    "mean, last axis": (lambda x: x.mean(axis=-1), lambda t, x: x.mean(-1)),
    "var, last axis": (
        lambda x: x.var(axis=-1),
        lambda t, x: x.var(-1, correction=0),
    ),
    "max, last axis": (lambda x: x.max(axis=-1), lambda t, x: x.amax(-1)),
    "prod, last axis": (lambda x: x.prod(axis=-1), lambda t, x: x.prod(-1)),
    "norm, last axis": (
        lambda x: tg.norm(x, axis=-1),
        lambda t, x: t.linalg.vector_norm(x, dim=-1),
    ),
    "logsumexp": (lambda x: tg.logsumexp(x, axis=-1), lambda t, x: x.logsumexp(-1)),
    "cumsum": (lambda x: tg.cumsum(x, axis=-1), lambda t, x: x.cumsum(-1)),
    "sort": (lambda x: tg.sort(x, axis=-1), lambda t, x: x.sort(-1)[0]),
    "reshape": (lambda x: x.reshape(-1), lambda t, x: x.reshape(-1)),
    "x.T": (lambda x: x.T, lambda t, x: x.T),
    "x[1:]": (lambda x: x[1:], lambda t, x: x[1:]),
    "x[rows]": (lambda x: x[ROWS], lambda t, x: x[t.from_numpy(ROWS)]),
    "diagonal": (tg.diagonal, lambda t, x: x.diagonal()),
    "tril": (tg.tril, lambda t, x: x.tril()),
    "pad": (
        lambda x: tg.pad(x, pad_width=1),
        lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1)),
    ),
}
BINARY: dict[str, Pair] = {
    "x + y": (lambda x, y: x + y, lambda t, x, y: x + y),
    "x * y": (lambda x, y: x * y, lambda t, x, y: x * y),
    "x / y": (lambda x, y: x / y, lambda t, x, y: x / y),
    "x + y[0]": (lambda x, y: x + y[0], lambda t, x, y: x + y[0]),
    "maximum": (tg.maximum, lambda t, x, y: t.maximum(x, y)),
    "x @ y": (lambda x, y: x @ y, lambda t, x, y: x @ y),
    "x[0] @ y[0]": (lambda x, y: x[0] @ y[0], lambda t, x, y: x[0] @ y[0]),
    "linear": (tg.linear, lambda t, x, y: t.nn.functional.linear(x, y)),
    "einsum": (
        lambda x, y: tg.einsum("ij,jk->ik", x, y),
        lambda t, x, y: t.einsum("ij,jk->ik", x, y),
    ),
    "concatenate": (
        lambda x, y: tg.concatenate([x, y], axis=0),
        lambda t, x, y: t.cat([x, y], 0),
    ),
    "stack": (lambda x, y: tg.stack([x, y]), lambda t, x, y: t.stack([x, y])),
    "layer_norm": (
        lambda x, y: tg.layer_norm(x, y[0], y[1]),
        lambda t, x, y: t.nn.functional.layer_norm(x, x.shape[-1:], y[0], y[1]),
    ),
    "rms_norm": (
        lambda x, y: tg.rms_norm(x, y[0]),
        lambda t, x, y: t.nn.functional.rms_norm(x, x.shape[-1:], y[0], 1e-5),
    ),
    "mean squared error": (
        lambda x, y: ((x - y) ** 2).mean(),
        lambda t, x, y: ((x - y) ** 2).mean(),
    ),
}
OPERATIONS = {**UNARY, **BINARY}
TITLES = {f"op: {name}": name for name in OPERATIONS}


def key(name: str, size: int) -> str:
    return f"op: {name}: {size}"


NAMES = {key(name, n): (name, n) for name in OPERATIONS for n in SIZES}


def build(side: str, name: str) -> Callable[[], list[Any]]:
    """A step of IN_SUM calls, forward and backward; it returns the gradients."""
    called, n = NAMES[name]
    ours, theirs = OPERATIONS[called]
    rng = np.random.default_rng(0)
    count = 2 if called in BINARY else 1
    xs: Any = [rng.normal(size=(n, n)).astype(np.float32) for _ in range(count)]
    if called in NEAR_ONE:
        xs = [1 + 0.1 * x for x in xs]
    tensor: Callable[..., Any] = tg.Tensor
    call = ours
    if side == "torch":
        import torch

        tensor = torch.tensor

        def call(*xs: Any) -> Any:
            return theirs(torch, *xs)

    else:
        tg.keep_freed_memory()
    xs = [tensor(x, requires_grad=True) for x in xs]
    g = tensor(np.ones(tuple(call(*xs).shape), np.float32))

    def step() -> list[Any]:
        for x in xs:
            x.grad = None
        out = call(*xs)
        for _ in range(IN_SUM - 1):
            out = out + call(*xs)
        out.backward(g)
        return [x.grad for x in xs]

    return step


def show(titles: dict[str, str], options: Options) -> None:
    """How many times as long PyTorch takes, and our time, for each op and size."""
    sides = ["tensorgrad", *["torch"] * installed("torch")]
    head("an op and an addition", *[f"{n} x {n}" for n in SIZES])
    found: dict[int, list[float]] = {n: [] for n in SIZES}
    names = [key(name, n) for name in titles.values() for n in SIZES]
    running = start(sides, names)
    for name in titles.values():
        cells = []
        for n in SIZES:
            bursts: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(options.rounds):
                for side in sides:
                    time = running[side].burst(key(name, n), options.burst / 50)
                    bursts[side].append(time)
            cell = time_text(statistics.median(bursts["tensorgrad"]))
            if len(sides) == 2:
                pairs = zip(bursts["torch"], bursts["tensorgrad"], strict=True)
                found[n].append(statistics.median(a / b for a, b in pairs))
                cell = f"{found[n][-1]:.2f} ({cell})"
            cells.append(cell)
        row([name, *cells])
    if len(sides) == 2:
        row(["geometric mean", *map("{:.2f}".format, map(mean, found.values()))])
    for side in running.values():
        side.finish()


def mean(ratios: list[float]) -> float:
    return statistics.geometric_mean(ratios)
