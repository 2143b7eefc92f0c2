"""Layers: lists of modules, linear maps, embeddings, dropout, activations.

`rng` is a numpy.random.Generator, or a seed for a new one; without it the operating
system seeds one, so two runs differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, DefinitionError, ShapeError
from tensorgrad.functional.randomness import own
from tensorgrad.graph import wrap
from tensorgrad.ops.floats import fast

from . import init
from .module import Module, Parameter
from .parts import first_row
from .state import hold

Rng = np.random.Generator | int | None
Layer = Callable[..., Any]


class ModuleList(Module):
    """Modules in order, named "0", "1" and so on; functions may stand among them.

    >>> [name for name, _ in ModuleList([Linear(1, 2)]).named_parameters()]
    ['0.weight', '0.bias']
    """

    _items: list[Any]
    _prefix: str  # how the items' names begin in a drawing

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        vars(self).update(_items=[], _prefix="")
        for layer in layers:
            self.append(layer)

    def append(self, layer: Layer) -> None:
        """Add a layer after the last."""
        self._items.append(self._named(layer, len(self)))

    def __setitem__(self, i: int, layer: Layer) -> None:
        self._items[i] = self._named(layer, i % len(self))

    def _named(self, layer: Layer, i: int) -> Layer:
        if not callable(layer):
            raise DefinitionError(
                f"{type(self).__name__} holds modules and functions; got {layer!r}"
            )
        if isinstance(layer, Module):
            layer._rename(f"{self._prefix}{i}")
        return layer

    def __getitem__(self, i: Any) -> Any:
        return ModuleList(self._items[i]) if isinstance(i, slice) else self._items[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def _members(self) -> Iterator[tuple[str, Any]]:
        yield from super()._members()
        yield from ((str(i), item) for i, item in enumerate(self._items))

    def _rename(self, name: str) -> None:
        super()._rename(name)
        vars(self)["_prefix"] = f"{name}."
        for i, item in enumerate(self._items):
            if isinstance(item, Module):
                item._rename(f"{name}.{i}")


class Sequential(ModuleList):
    """Each layer applied to the result of the one before; functions are layers too.

    >>> Sequential(Linear(2, 16), tg.tanh, Linear(16, 1))
    Sequential(        65 parameters
      (0): Linear(2, 16)  48
      (1): tanh
      (2): Linear(16, 1)  17
    )
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(layers)

    def __getitem__(self, i: Any) -> Any:
        return Sequential(*self._items[i]) if isinstance(i, slice) else self._items[i]

    def _rename(self, name: str) -> None:
        Module._rename(self, name)  # it is called itself: its items are inside it

    def forward(self, x: Any) -> Any:
        for layer in self._items:
            x = layer(x)
        return x


class Linear(Module):
    """x @ weight.T + bias: (..., in_features) -> (..., out_features).

    weight (out_features, in_features) and bias (out_features,) start from U(-a, a)
    with a = 1 / sqrt(in_features).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, rng: Rng = None
    ) -> None:
        positive("Linear", in_features=in_features, out_features=out_features)
        rng, a = np.random.default_rng(rng), 1 / math.sqrt(in_features)
        self.weight = empty(out_features, in_features)
        self.bias = empty(out_features) if bias else None
        for parameter in self.parameters():
            init.uniform_(parameter, -a, a, rng=rng)

    def forward(self, x: Any) -> Any:
        return tg.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        out_features, in_features = self.weight.shape
        return f"{in_features}, {out_features}" + ", bias=False" * (self.bias is None)


class Embedding(Module):
    """weight[tokens]: a row (C,) of the weight (V, C) for each token, V >= 1.

    The weight starts from N(0, 1). ShapeError for a token outside 0 to V - 1.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, rng: Rng = None
    ) -> None:
        sizes = {"num_embeddings": num_embeddings, "embedding_dim": embedding_dim}
        positive("Embedding", **sizes)
        self.weight = empty(num_embeddings, embedding_dim)
        init.normal_(self.weight, rng=np.random.default_rng(rng))

    def forward(self, tokens: Any) -> Any:
        tokens = tokens.data if isinstance(tokens, Tensor) else np.asarray(tokens)
        rows = self.weight.shape[0]
        if tokens.dtype.kind not in "iu":
            raise ShapeError(f"Embedding: tokens are integers, these {tokens.dtype}")
        # as unsigned numbers, negative ones are the largest: one pass finds both kinds
        if tokens.size and int(tokens.astype(np.uint64).max()) >= rows:
            bad = tokens[(tokens < 0) | (tokens >= rows)][0]
            raise ShapeError(f"Embedding: token {bad} is not among the {rows} rows")
        return tg.embedding(self.weight, tokens)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Dropout(Module):
    """x * m, m being 0 with probability p and else 1 / (1 - p); x when not training.

    The masks come from `rng`. One for all dropout inside a model: `model.set_rng(rng)`.
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        if not 0 <= p <= 1:
            raise ConfigError(f"Dropout: p={p} must be from 0 to 1")
        self.p = p
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Any) -> Any:
        mask = self.mask(x.shape, x.dtype)
        return x if mask is None else x * mask

    def mask(self, shape: tuple[int, ...], dtype: Any) -> Tensor | None:
        """What x is multiplied by; None where nothing is dropped."""
        if not self.training or self.p == 0:
            return None
        # one draw: the rest follows from it and from places in the batch
        seed = own(self.rng).integers(1 << 64, dtype=np.uint64)
        mask = np.empty(shape, dtype)
        rows = mask.reshape(shape[0] if shape else 1, math.prod(shape[1:]))
        fast("dropout_mask", mask)(rows, self.p, seed, first_row(len(rows)))
        return wrap(mask)  # a Tensor: a graph may keep it without a copy

    def extra_repr(self) -> str:
        return f"{self.p}"


class Flatten(Module):
    """The axes from `start_dim` on as one: images (B, C, H, W) -> (B, C H W).

    >>> Flatten()(Tensor(np.zeros((2, 3, 4, 4)))).shape
    (2, 48)
    """

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = start_dim

    def forward(self, x: Any) -> Any:
        lead, rest = x.shape[: self.start_dim], x.shape[self.start_dim :]
        return tg.reshape(x, shape=(*lead, math.prod(rest)))

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}" * (self.start_dim != 1)


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Any) -> Any:
        return tg.relu(x)


class Tanh(Module):
    """(e^x - e^-x) / (e^x + e^-x)"""

    def forward(self, x: Any) -> Any:
        return tg.tanh(x)


class Sigmoid(Module):
    """1 / (1 + e^-x)"""

    def forward(self, x: Any) -> Any:
        return tg.sigmoid(x)


class GELU(Module):
    """x * Phi(x), or with approximate="tanh" GPT-2's formula for it."""

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ConfigError(
                f"GELU: approximate={approximate!r} is not 'none' or 'tanh'"
            )
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return tg.gelu(x, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


def empty(*shape: int) -> Parameter:
    """A float32 parameter, for an initialiser to fill."""
    if not init.deferring():
        return Parameter(np.empty(shape, np.float32))
    parameter = Parameter(0.0)
    hold(parameter, np.broadcast_to(np.float32(0), shape))
    return parameter


def positive(owner: str, **sizes: int) -> None:
    """ConfigError unless each is a whole number from 1 up."""
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < 1:
            raise ConfigError(
                f"{owner}: {name}={size!r} must be a whole number from 1 up"
            )
