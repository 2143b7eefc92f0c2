"""What transformers are stacked from: a sublayer's residual, and two kinds of block.

Masks are those of `MultiHeadAttention`: True where a query may look.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError, ShapeError

from ..activations import ACTIVATIONS, Activation, check_activation
from ..attention import MultiHeadAttention
from ..cache import FixedCache, KeyValueCache
from ..layers import Dropout, Linear, Rng
from ..module import Module
from ..norms import LayerNorm


@dataclass(frozen=True)
class BlockConfig:
    """The sizes of a block, and where its norms and its dropout are."""

    d_model: int = 512
    """Channels: the width of the vector that stands for a token."""
    n_head: int = 8
    """Attention heads; they divide the channels among themselves."""
    d_ff: int = 2048
    """How wide the feed-forward layer is in between."""
    activation: Activation = "relu"
    """What the feed-forward layer applies in between."""
    norm_first: bool = False
    """Pre-norm, x + f(norm(x)), in place of the paper's norm(x + f(x))."""
    norm_eps: float = 1e-5
    """What layer norms add to the variance."""
    dropout: float = 0.1
    """The share zeroed of what each sublayer adds, and of the embeddings."""
    attention_dropout: float = 0.0
    """The share of attention weights zeroed; none in the paper."""
    activation_dropout: float = 0.0
    """The share zeroed inside the feed-forward layer; none in the paper."""

    def __post_init__(self) -> None:
        for name in self.whole_numbers():
            whole_number(name, getattr(self, name))
        divided(self.d_model, "n_head", self.n_head)
        for name in ("dropout", "attention_dropout", "activation_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be in [0, 1), got {getattr(self, name)}"
                )
        if not 0 <= self.norm_eps < math.inf:
            raise ConfigError(
                f"norm_eps must be a number, 0 or more, got {self.norm_eps}"
            )
        check_activation(self.activation)

    @classmethod
    def whole_numbers(cls) -> tuple[str, ...]:
        """The fields that count something."""
        return "d_model", "n_head", "d_ff"


def whole_number(name: str, value: Any) -> None:
    """ConfigError unless it is one from 1 up."""
    if not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} must be a whole number >= 1, got {value!r}")


def divided(d_model: int, name: str, n_head: int) -> None:
    """ConfigError unless so many heads can share the channels."""
    if d_model % n_head:
        raise ConfigError(
            f"d_model ({d_model}) must be a multiple of {name} ({n_head}): each head "
            f"gets d_model / {name} channels"
        )


def token_of(vocab_size: int, name: str, token: Any) -> None:
    """ConfigError unless it is one of the vocabulary's."""
    if not isinstance(token, int) or not 0 <= token < vocab_size:
        raise ConfigError(f"{name}={token!r} is none of the {vocab_size} tokens")


class FeedForward(Module):
    """activation(x W1 + b1) W2 + b2, to each token by itself: (..., C) -> (..., C).

    Source: Vaswani et al., section 3.3.
    """

    def __init__(self, config: BlockConfig, *, rng: Rng = None) -> None:
        rng = np.random.default_rng(rng)
        self.linear1 = Linear(config.d_model, config.d_ff, rng=rng)
        self.linear2 = Linear(config.d_ff, config.d_model, rng=rng)
        self.dropout = Dropout(config.activation_dropout, rng=rng)
        self.activation = config.activation

    def forward(self, x: Any) -> Any:
        hidden = ACTIVATIONS[self.activation](self.linear1(x))  # (..., d_ff)
        return self.linear2(self.dropout(hidden))


class Residual(Module):
    """norm(x + dropout(f(x))), or with norm_first x + dropout(f(norm(x)))."""

    def __init__(self, config: BlockConfig, *, rng: Rng = None) -> None:
        self.norm = LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = Dropout(config.dropout, rng=rng)
        self.norm_first = config.norm_first

    def forward(self, x: Any, f: Callable[[Any], Any]) -> Any:
        if self.norm_first:
            return x + self.dropout(f(self.norm(x)))
        return self.norm(x + self.dropout(f(x)))

    def extra_repr(self) -> str:
        return "norm_first=True" * self.norm_first


class EncoderBlock(Module):
    """Each token looks at all that the mask lets it see, then thinks by itself.

    x (B, T, C) -> (B, T, C). Source: Vaswani et al., section 3.1.
    """

    def __init__(self, config: BlockConfig, *, rng: Rng = None) -> None:
        rng = np.random.default_rng(rng)
        self.attention = attention(config, rng)
        self.residual1 = Residual(config, rng=rng)
        self.feed_forward = FeedForward(config, rng=rng)
        self.residual2 = Residual(config, rng=rng)

    def forward(self, x: Any, mask: Any = None) -> Any:
        x = self.residual1(x, lambda x: self.attention(x, mask=mask))
        return self.residual2(x, self.feed_forward)


@final
class DecoderCache:
    """What a decoder block keeps between tokens: see `KeyValueCache`."""

    def __init__(self, capacity: int = 0) -> None:
        self.of_itself = KeyValueCache(capacity)
        self.of_memory = FixedCache()

    def select(self, rows: Any) -> None:
        self.of_itself.select(rows)
        self.of_memory.select(rows)


class DecoderBlock(Module):
    """Each token looks at those before it, then at the encoder's output, then thinks.

    x (B, T, C) and memory (B, S, C) -> (B, T, C). `mask` is on top of the causal one.
    With a `cache`, x follows what was read into it. Source: Vaswani et al., section
    3.1.
    """

    def __init__(self, config: BlockConfig, *, rng: Rng = None) -> None:
        rng = np.random.default_rng(rng)
        self.attention = attention(config, rng)
        self.residual1 = Residual(config, rng=rng)
        self.cross_attention = attention(config, rng)
        self.residual2 = Residual(config, rng=rng)
        self.feed_forward = FeedForward(config, rng=rng)
        self.residual3 = Residual(config, rng=rng)

    def forward(
        self,
        x: Any,
        memory: Any,
        mask: Any = None,
        memory_mask: Any = None,
        cache: DecoderCache | None = None,
    ) -> Any:
        past, seen = (cache.of_itself, cache.of_memory) if cache else (None, None)

        def look_back(x: Any) -> Any:
            return self.attention(x, mask=mask, causal=True, cache=past)

        def look_at_memory(x: Any) -> Any:
            return self.cross_attention(x, memory, mask=memory_mask, cache=seen)

        x = self.residual1(x, look_back)
        x = self.residual2(x, look_at_memory)
        return self.residual3(x, self.feed_forward)


def attention(config: BlockConfig, rng: np.random.Generator) -> MultiHeadAttention:
    """Attention of a block's sizes."""
    return MultiHeadAttention(
        config.d_model, config.n_head, config.attention_dropout, rng=rng
    )


def real_tokens(
    tokens: NDArray[Any], pad: int, mask: ArrayLike | None = None
) -> NDArray[Any]:
    """(B, S), True where a token is real: what `mask` says, or where it is not pad."""
    if mask is None:
        return np.asarray(tokens != pad)
    mask = np.asarray(mask)
    if mask.shape != tokens.shape or mask.dtype.kind not in "biu":
        raise ShapeError(
            f"a mask {mask.shape} of {mask.dtype} for tokens {tokens.shape}: it should "
            "have their shape, and be True where a token is real"
        )
    return mask.astype(bool)


def looked_at(mask: NDArray[Any]) -> NDArray[Any] | None:
    """A mask of keys (B, S) as (B, 1, S), for all queries; None where nothing hides."""
    return None if mask.all() else mask[:, None, :]
