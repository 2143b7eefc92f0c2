"""Attention of a sequence to itself or to another, in several heads.

`attention_weights(model)` shows who looked where, in any model built on it, and
`attention_maps` the same, layer upon layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError
from tensorgrad.ops.dot_product_attention import merge_heads, split_heads

from .cache import KeyValueCache
from .evaluation import evaluating
from .layers import Dropout, Linear, Rng, positive
from .module import Module


class DotProductAttention(Module):
    """softmax(q k^T / sqrt(D) + mask) v, with dropout on the weights.

    q is (..., T, D), k and v (..., S, D), the result (..., T, D). `mask`, `causal` and
    `heads` are those of `tg.attention`; `scale` stands in the place of 1 / sqrt(D).
    """

    def __init__(
        self, dropout: float = 0.0, scale: float | None = None, *, rng: Rng = None
    ) -> None:
        self.dropout = Dropout(dropout, rng=rng)
        self.scale = scale
        # each takes the weights of every call: see attention_weights
        self.watchers: list[Callable[[NDArray[Any]], None]] = []

    def forward(
        self,
        q: Any,
        k: Any,
        v: Any,
        *,
        mask: Any = None,
        causal: bool = False,
        heads: int | None = None,
    ) -> Any:
        if self.watchers:
            weights = self.weights(q, k, mask=mask, causal=causal, heads=heads).data
            for watch in self.watchers:
                watch(weights)
        of_heads = () if heads is None else (heads,)
        *lead, T, _ = q.shape
        dropped = self.dropout.mask((*lead, *of_heads, T, k.shape[-2]), q.dtype)
        settings = {"causal": causal, "scale": self.scale, "heads": heads}
        return tg.attention(q, k, v, mask, dropped, **settings)

    def weights(
        self,
        q: Any,
        k: Any,
        *,
        mask: Any = None,
        causal: bool = False,
        heads: int | None = None,
    ) -> Any:
        """softmax(scale q k^T + mask): (..., T, S), before dropout."""
        if heads is not None:
            q, k = split_heads(q, heads), split_heads(k, heads)
        # with the identity in the place of v, the result is the weights themselves
        S = k.shape[-2]
        eye = Tensor(np.broadcast_to(np.eye(S, dtype=q.dtype), (*q.shape[:-2], S, S)))
        return tg.attention(q, k, eye, mask, causal=causal, scale=self.scale)


@contextmanager
def attention_weights(model: Module) -> Iterator[dict[str, NDArray[Any]]]:
    """Inside, each attention leaves the weights of its latest call, under its name.

    They are (B, H, T, S), those before dropout. Nothing is computed for them outside.

    >>> model = MultiHeadAttention(4, n_head=2, rng=0)
    >>> with attention_weights(model) as weights:
    ...     _ = model(Tensor(np.zeros((1, 3, 4))))
    >>> {name: array.shape for name, array in weights.items()}
    {'attend': (1, 2, 3, 3)}
    """
    found: dict[str, NDArray[Any]] = {}
    watched = [
        (layer, partial(found.__setitem__, name.removesuffix(".attend")))
        for name, layer in model.named_modules()
        if isinstance(layer, DotProductAttention)
    ]
    for layer, watch in watched:
        layer.watchers.append(watch)
    try:
        yield found
    finally:
        for layer, watch in watched:
            layer.watchers.remove(watch)


def attention_maps(
    model: Module, read: Callable[[], object], **names: str
) -> dict[str, NDArray[Any]]:
    """Where each head looks while `read()` runs the model: (L, H, T, S) of each kind.

    A kind of attention is layers called the same but for their number, written as
    `{}`. Of a batch, the first row counts. Nothing is dropped or recorded.

    >>> from nn import ModuleList
    >>> stack = ModuleList(MultiHeadAttention(4, n_head=2, rng=i) for i in range(3))
    >>> x = Tensor(np.zeros((1, 5, 4)))
    >>> maps = attention_maps(stack, lambda: [layer(x) for layer in stack], all="{}")
    >>> {kind: weights.shape for kind, weights in maps.items()}
    {'all': (3, 2, 5, 5)}
    """
    with evaluating(model), tg.no_grad(), attention_weights(model) as weights:
        read()
    found = {}
    for kind, name in names.items():
        layers = takewhile(weights.__contains__, map(name.format, count()))
        found[kind] = np.stack([weights[layer][0] for layer in layers])
    return found


class MultiHeadAttention(Module):
    """Attention in n_head parts of the channels, joined by a linear map.

    Query (..., T, C), key and value (..., S, C) -> (..., T, C) with C = d_model. The
    key is the query and the value the key unless given: attention to itself needs one
    argument, attention to another sequence two.

    `mask` says where a query may look: booleans, True where it may, or numbers that
    are added to the scores. Its shape is (T, S), (B, T, S) or (B, H, T, S), and any
    of these may be 1: a padding mask is `(tokens != pad)[:, None, :]`. Under `causal`
    query t sees the keys up to t + S - T. A query that may look nowhere gets zeros.
    Source: Vaswani et al., Attention Is All You Need, section 3.2.2, arXiv 1706.03762.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        positive("MultiHeadAttention", d_model=d_model, n_head=n_head)
        if d_model % n_head:
            raise ConfigError(
                f"MultiHeadAttention: d_model={d_model} is not divisible by "
                f"n_head={n_head}"
            )
        rng = np.random.default_rng(rng)
        self.n_head = n_head
        self.query = Linear(d_model, d_model, bias, rng=rng)
        self.key = Linear(d_model, d_model, bias, rng=rng)
        self.value = Linear(d_model, d_model, bias, rng=rng)
        self.out = Linear(d_model, d_model, bias, rng=rng)
        self.attend = DotProductAttention(dropout, rng=rng)

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        *,
        mask: Any = None,
        causal: bool = False,
        need_weights: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Any:
        """The result, and with `need_weights` also the weights (..., H, T, S).

        The weights are those before dropout. With a `cache`, a query sees also the
        keys and values of the calls before; the mask is for all of them.
        """
        key = query if key is None else key
        value = key if value is None else value
        q, H = self.query(query), self.n_head
        if cache is None:
            k, v, heads = self.key(key), self.value(value), H
        else:  # it keeps the heads apart: (..., H, S, D)
            q, heads = split_heads(q, H), None
            k, v = cache.update(
                lambda: (
                    split_heads(self.key(key), H),
                    split_heads(self.value(value), H),
                )
            )
        if mask is not None:
            mask = with_heads(mask, (*query.shape[:-2], H, q.shape[-2], k.shape[-2]))
        settings = {"mask": mask, "causal": causal, "heads": heads}
        y = self.attend(q, k, v, **settings)
        out = self.out(y if cache is None else merge_heads(y))
        if not need_weights:
            return out
        return out, self.attend.weights(q, k, **settings)

    def extra_repr(self) -> str:
        return f"{self.out.weight.shape[0]}, n_head={self.n_head}"


def with_heads(mask: Any, shape: tuple[int, ...]) -> Any:
    """A mask checked against (..., H, T, S), with the axis of heads if it had none."""
    mask = mask if isinstance(mask, Tensor) else np.asarray(mask)
    if mask.dtype.kind not in "fb":
        raise ShapeError(
            f"a mask holds booleans or floats to add; this is {mask.dtype}"
        )
    full = mask[..., None, :, :] if 3 <= mask.ndim < len(shape) else mask
    fits = zip(reversed(full.shape), reversed(shape), strict=False)
    if full.ndim > len(shape) or any(m not in (1, n) for m, n in fits):
        *lead, H, T, S = shape
        raise ShapeError(
            f"MultiHeadAttention: a mask of shape {mask.shape} for {H} heads, {T} "
            f"queries and {S} keys. It should broadcast to {(*lead, T, S)} or {shape}"
        )
    return full
