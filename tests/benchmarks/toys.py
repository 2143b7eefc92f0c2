"""Steps of the small models that one learns with, beside PyTorch's.

Each program is written once, for both: a `Library` has the few names that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Step = Callable[[], float]


class Library(NamedTuple):
    """What ours and PyTorch's call differently."""

    layers: Any  # the module of Linear, Embedding, ...
    functions: Any  # the module of tanh, sigmoid, exp
    relu: Callable[[Any], Any]
    gelu: Callable[[Any], Any]
    softplus: Callable[[Any], Any]
    cross_entropy: Callable[[Any, Any], Any]  # the mean
    tensor: Callable[[Any], Any]
    indices: Callable[[Any], Any]
    adamw: Callable[[Any], Any]
    sgd: Callable[[Any], Any]


def ours() -> Library:
    import nn
    import tensorgrad as tg
    from nn import optim

    tg.keep_freed_memory()
    return Library(
        layers=nn,
        functions=tg,
        relu=tg.relu,
        gelu=tg.gelu,
        softplus=tg.softplus,
        cross_entropy=lambda logits, y: tg.cross_entropy(logits, y).mean(),
        tensor=tg.Tensor,
        indices=np.asarray,
        adamw=lambda parameters: optim.AdamW(parameters, lr=1e-3),
        sgd=lambda parameters: optim.SGD(parameters, lr=0.1),
    )


def peer() -> Library:
    import torch
    from torch.nn import functional

    return Library(
        layers=torch.nn,
        functions=torch,
        relu=functional.relu,
        gelu=functional.gelu,
        softplus=functional.softplus,
        cross_entropy=functional.cross_entropy,
        tensor=torch.tensor,
        indices=torch.tensor,
        adamw=lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, fused=True),
        sgd=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )


class Toy:
    """Random data, layers, and a loss; `step` is one of training."""

    def __init__(self, library: Library) -> None:
        self.library, self.rng = library, np.random.default_rng(0)
        self.modules: list[Any] = []

    def numbers(self, *shape: int) -> Any:
        drawn = self.rng.normal(size=shape).astype(np.float32)
        return self.library.tensor(drawn)

    def classes(self, many: int, *shape: int) -> Any:
        return self.library.indices(self.rng.integers(many, size=shape))

    def layer(self, kind: str, *sizes: Any) -> Any:
        self.modules.append(getattr(self.library.layers, kind)(*sizes))
        return self.modules[-1]

    def linears(self, *widths: int) -> list[Any]:
        return [self.layer("Linear", *pair) for pair in pairwise(widths)]

    def step(self, loss: Callable[[], Any], optimizer: str) -> Step:
        parameters = [p for module in self.modules for p in module.parameters()]
        updates = getattr(self.library, optimizer)(parameters)

        def step() -> float:
            value = loss()
            updates.zero_grad()
            value.backward()
            updates.step()
            return float(value.item())

        return step


def line(toy: Toy) -> Step:
    x, y = toy.numbers(1000, 10), toy.numbers(1000, 1)
    [layer] = toy.linears(10, 1)
    return toy.step(lambda: ((layer(x) - y) ** 2).mean(), "sgd")


def classifier(toy: Toy, points: int, widths: Sequence[int]) -> Step:
    """An MLP with ReLU."""
    x, y = toy.numbers(points, widths[0]), toy.classes(widths[-1], points)
    *hidden, last = toy.linears(*widths)

    def loss() -> Any:
        h = x
        for layer in hidden:
            h = toy.library.relu(layer(h))
        return toy.library.cross_entropy(last(h), y)

    return toy.step(loss, "adamw")


def normed(toy: Toy) -> Step:
    """An MLP with layer norm and GELU."""
    x, y = toy.numbers(32, 128), toy.classes(10, 32)
    first, second, last = toy.linears(128, 512, 128, 10)
    norm, gelu = toy.layer("LayerNorm", 512), toy.library.gelu

    def loss() -> Any:
        h = gelu(second(gelu(norm(first(x)))))
        return toy.library.cross_entropy(last(h), y)

    return toy.step(loss, "adamw")


def names(toy: Toy) -> Step:
    """Three letters of a name to the next, by an embedding and a batch norm."""
    x, y = toy.classes(27, 32, 3), toy.classes(27, 32)
    table, norm = toy.layer("Embedding", 27, 10), toy.layer("BatchNorm1d", 200)
    first, last = toy.layer("Linear", 30, 200), toy.layer("Linear", 200, 27)

    def loss() -> Any:
        h = norm(first(table(x).reshape(32, 30)))
        return toy.library.cross_entropy(last(toy.library.functions.tanh(h)), y)

    return toy.step(loss, "sgd")


def autoencoder(toy: Toy) -> Step:
    """A variational one: 64 pixels, 8 latent numbers."""
    f, x, noise = toy.library.functions, toy.numbers(64, 64), toy.numbers(64, 8)
    encode, to_mean = toy.linears(64, 64, 8)
    [to_variance], (decode, to_pixels) = toy.linears(64, 8), toy.linears(8, 64, 64)

    def loss() -> Any:
        h = f.tanh(encode(x))
        mean, log_variance = to_mean(h), to_variance(h)
        z = mean + f.exp(0.5 * log_variance) * noise
        pixels = to_pixels(f.tanh(decode(z)))
        wrong = (toy.library.softplus(pixels) - x * pixels).sum()
        apart = (mean**2 + f.exp(log_variance) - log_variance - 1).sum()
        return (wrong + 0.5 * apart) / 64

    return toy.step(loss, "adamw")


def recurrent(toy: Toy) -> Step:
    """20 steps of an LSTM of 32 cells, spelt out, on 16 sequences of 8 numbers."""
    f, n = toy.library.functions, 32
    xs, y = [toy.numbers(16, 8) for _ in range(20)], toy.numbers(16, 1)
    [read], [keep], [last] = (
        toy.linears(8, 4 * n),
        toy.linears(n, 4 * n),
        toy.linears(n, 1),
    )
    start = toy.library.tensor(np.zeros((16, n), np.float32))

    def loss() -> Any:
        h = cell = start
        for x in xs:
            gates = read(x) + keep(h)
            into, of, out = (f.sigmoid(gates[:, i * n : i * n + n]) for i in range(3))
            cell = of * cell + into * f.tanh(gates[:, 3 * n :])
            h = out * f.tanh(cell)
        return ((last(h) - y) ** 2).mean()

    return toy.step(loss, "adamw")


TOYS: dict[str, tuple[str, Callable[[Toy], Step]]] = {
    "line": ("linear regression, 1,000 points of 10 numbers", line),
    "moons": (
        "MLP 2-32-32-2, 64 points",
        lambda toy: classifier(toy, 64, (2, 32, 32, 2)),
    ),
    "digits": (
        "MLP 64-128-10, 128 points",
        lambda toy: classifier(toy, 128, (64, 128, 10)),
    ),
    "pixels": (
        "MLP 784-256-256-10, 128 points",
        lambda toy: classifier(toy, 128, (784, 256, 256, 10)),
    ),
    "normed": ("MLP 128-512-128-10 with layer norm and GELU, 32 points", normed),
    "names": ("embedding, batch norm, tanh: 32 times 3 letters", names),
    "autoencoder": ("variational autoencoder, 64 images of 64 pixels", autoencoder),
    "recurrent": ("LSTM of 32 cells, 20 steps, 16 sequences", recurrent),
}


def toy_step(library: Callable[[], Library], name: str) -> Step:
    return TOYS[name][1](Toy(library()))
