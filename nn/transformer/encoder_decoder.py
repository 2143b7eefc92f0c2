"""The Transformer of 2017: an encoder that reads, a decoder that writes.

Source: Vaswani et al., Attention Is All You Need, arXiv 1706.03762.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, InputError

from .. import init
from ..cache import Times
from ..evaluation import evaluating
from ..layers import Dropout, Embedding, Linear, ModuleList, Rng
from ..module import Module
from ..norms import LayerNorm
from ..presets import preset
from .blocks import (
    BlockConfig,
    DecoderBlock,
    DecoderCache,
    EncoderBlock,
    looked_at,
    real_tokens,
    token_of,
    whole_number,
)
from .positions import LearnedPositions, SinusoidalPositions

Array = NDArray[Any]


@dataclass(frozen=True)
class TransformerConfig(BlockConfig):
    """The sizes of a Transformer. The defaults are those of the paper's base model."""

    vocab_size: int = 37000
    """How many different tokens the source has."""
    target_vocab_size: int | None = None
    """How many the target has; None: both are written in one vocabulary."""
    n_encoder: int = 6
    """How many blocks read the source."""
    n_decoder: int = 6
    """How many blocks write the target."""
    max_length: int = 512
    """Context: how many tokens a source or a target may have."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How positions are told apart."""
    share_embeddings: bool = True
    """Whether source and target share their embeddings, as one vocabulary can."""
    tie_output: bool = True
    """Whether the last layer's weight is the target's embedding."""
    output_bias: bool = False
    """Whether the last layer adds a bias."""
    scale_embeddings: bool = True
    """Whether embeddings are multiplied by sqrt(d_model)."""
    final_norm: bool | None = None
    """A norm after each stack, as PyTorch adds; None: where norm_first leaves none."""
    pad: int = 0
    """The token that fills short rows, and is never looked at in a source."""
    bos: int = 1
    """The token that a target starts from."""
    eos: int = 2
    """The token that ends a target."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target_vocab_size is not None:
            whole_number("target_vocab_size", self.target_vocab_size)
        if self.positions not in ("sinusoidal", "learned"):
            raise ConfigError(
                f"positions={self.positions!r}: choose sinusoidal or learned"
            )
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise ConfigError(
                f"d_model ({self.d_model}) must be even for sinusoidal positions: "
                "their waves come in pairs"
            )
        if self.share_embeddings and self.target_size != self.vocab_size:
            raise ConfigError(
                f"share_embeddings needs one vocabulary, not {self.vocab_size} and "
                f"{self.target_size} tokens: leave target_vocab_size out, or set "
                "share_embeddings=False"
            )
        token_of(self.vocab_size, "pad", self.pad)
        for name in ("pad", "bos", "eos"):
            token_of(self.target_size, name, getattr(self, name))

    @classmethod
    def whole_numbers(cls) -> tuple[str, ...]:
        counts = ("vocab_size", "n_encoder", "n_decoder", "max_length")
        return *super().whole_numbers(), *counts

    @property
    def target_size(self) -> int:
        """How many different tokens the target has."""
        return self.target_vocab_size or self.vocab_size

    @property
    def has_final_norm(self) -> bool:
        return self.norm_first if self.final_norm is None else self.final_norm

    @classmethod
    def preset(cls, name: str, **changes: Any) -> TransformerConfig:
        """A named size with some fields changed: `preset("big", vocab_size=32000)`."""
        return preset(PRESETS, name, **changes)


# Vaswani et al., table 3; big is trained with more dropout (section 5.4).
PRESETS = {
    "base": TransformerConfig(),
    "big": TransformerConfig(d_model=1024, n_head=16, d_ff=4096, dropout=0.3),
    # Learns a small task on a CPU in minutes.
    "tiny": TransformerConfig(d_model=128, d_ff=512, n_encoder=2, n_decoder=2),
}


class Transformer(Module):
    """Tokens of a source (B, S) and of a target (B, T) to the scores of what follows.

    `forward` gives logits (B, T, V): those at t are of target t + 1, and see the
    target up to t and the whole source. A source's `pad` tokens are never looked at,
    unless a mask (B, S), True where a token is real, says otherwise. `rng` draws the
    initial weights and, in training, the dropout.
    """

    def __init__(self, config: TransformerConfig, rng: Rng = 0) -> None:
        self.config = config
        self.source_embedding = Embedding(config.vocab_size, config.d_model)
        self.target_embedding = self.source_embedding
        if not config.share_embeddings:
            self.target_embedding = Embedding(config.target_size, config.d_model)
        self.source_positions = positions(config)
        self.target_positions = self.source_positions
        if config.positions == "learned":
            self.target_positions = positions(config)
        self.dropout = Dropout(config.dropout)
        self.encoder = ModuleList(EncoderBlock(config) for _ in range(config.n_encoder))
        self.encoder_norm = final_norm(config)
        self.decoder = ModuleList(DecoderBlock(config) for _ in range(config.n_decoder))
        self.decoder_norm = final_norm(config)
        self.output = Linear(config.d_model, config.target_size, config.output_bias)
        if config.tie_output:
            self.output.weight = self.target_embedding.weight
        rng = np.random.default_rng(rng)
        self.set_rng(rng)
        init.transformer_(self, rng=rng)

    def forward(
        self, source: ArrayLike, target: ArrayLike, source_mask: Any = None
    ) -> Tensor:
        """The scores (B, T, V) of each target's next token."""
        mask = self.mask_of(source, source_mask)
        memory = self.encode(source, mask)
        logits: Tensor = self.output(self.decode(target, memory, mask))
        return logits

    def mask_of(self, source: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """(B, S), True where a token of the source is real: by default, not `pad`."""
        return real_tokens(np.asarray(source), self.config.pad, mask)

    def encode(self, source: ArrayLike, source_mask: Any = None) -> Tensor:
        """What the decoder looks at, the memory (B, S, C), of sources (B, S)."""
        x = self._embedded(
            source, self.source_embedding, self.source_positions, "source"
        )
        mask = looked_at(self.mask_of(source, source_mask))
        for block in self.encoder:
            x = block(x, mask)
        return x if self.encoder_norm is None else self.encoder_norm(x)

    def decode(
        self,
        target: ArrayLike,
        memory: Any,
        source_mask: Any = None,
        *,
        target_mask: Any = None,
        positions: ArrayLike | None = None,
        caches: list[DecoderCache] | None = None,
    ) -> Tensor:
        """The decoder's output (B, T, C), which `output` turns into scores.

        With `caches`, one for each block, the target follows what was read into them:
        then `positions` (B, T) says where it stands, and `target_mask` (B, 1, S) which
        of all the target's tokens may be looked at.
        """
        x = self._embedded(
            target, self.target_embedding, self.target_positions, "target", positions
        )
        seen = None if source_mask is None else looked_at(np.asarray(source_mask, bool))
        for i, block in enumerate(self.decoder):
            cache = None if caches is None else caches[i]
            x = block(x, memory, target_mask, seen, cache)
        return x if self.decoder_norm is None else self.decoder_norm(x)

    def _embedded(
        self,
        tokens: ArrayLike,
        embedding: Embedding,
        add_positions: Module,
        what: str,
        positions: ArrayLike | None = None,
    ) -> Tensor:
        tokens = np.asarray(tokens)
        if tokens.ndim != 2:
            raise InputError(f"the {what} should be (B, T) tokens, not {tokens.shape}")
        place = np.arange(tokens.shape[1]) if positions is None else positions
        longest = int(np.max(place, initial=-1)) + 1
        if longest > self.config.max_length:
            raise InputError(
                f"a {what} of {longest} tokens is longer than the context of "
                f"{self.config.max_length}"
            )
        x = embedding(tokens)  # (B, T, C)
        if self.config.scale_embeddings:
            x = x * math.sqrt(self.config.d_model)
        embedded: Tensor = self.dropout(add_positions(x, place))
        return embedded

    def start(
        self, source: ArrayLike, source_mask: Any = None, capacity: int | None = None
    ) -> DecoderState:
        """Read sources (B, S), for `nn.decoding` to write their targets.

        With `capacity`, memory for targets of so many tokens, at most the context, is
        there from the start; else it doubles as it fills.
        """
        return DecoderState(self, source, source_mask, capacity)


@final
class DecoderState:
    """Sources that were read, and targets that are being written, token by token.

    What `nn.decoding` asks of a model: see `nn.decoding.Incremental`. No gradients
    are recorded, and nothing is dropped.
    """

    def __init__(
        self,
        model: Transformer,
        source: ArrayLike,
        source_mask: Any = None,
        capacity: int | None = None,
    ) -> None:
        self.model = model
        self.source_mask = model.mask_of(source, source_mask)
        self._modules = list(model.modules())
        with evaluating(self._modules), tg.no_grad():
            self.memory = model.encode(source, self.source_mask)
        self.times = Times()
        room = min(capacity or 0, model.config.max_length)
        self.caches = [DecoderCache(room) for _ in model.decoder]
        self._sources = np.arange(len(self.source_mask))  # (N,): that of each target

    @tg.no_grad()
    def advance(self, tokens: ArrayLike, real: ArrayLike | None = None) -> Array:
        """Read tokens (N, T) more of each target; the scores (N, V) of the next one."""
        tokens, N = np.asarray(tokens), len(self.source_mask)
        if tokens.ndim != 2 or len(tokens) != N:
            raise InputError(f"{N} targets go on with ({N}, T) tokens: {tokens.shape}")
        times = copy(self.times)  # kept only where the model could read the tokens
        positions = times.extend(tokens.shape, real)
        with evaluating(self._modules):
            hidden = self.model.decode(
                tokens,
                self.memory,
                self.source_mask,
                target_mask=times.mask,
                positions=positions,
                caches=self.caches,
            )
            self.times = times
            return self.model.output(hidden[:, -1]).data

    def select(self, rows: ArrayLike) -> None:
        """Go on with these of the N targets, in this order, some perhaps twice."""
        rows = np.asarray(rows)
        sources = self._sources[rows]
        if not np.array_equal(sources, self._sources):  # beams stay with their source
            self.source_mask, self.memory = self.source_mask[rows], self.memory[rows]
            self._sources = sources
        self.times.select(rows)
        for cache in self.caches:
            cache.select(rows)


def positions(config: TransformerConfig) -> Module:
    kind = LearnedPositions if config.positions == "learned" else SinusoidalPositions
    return kind(config.max_length, config.d_model)


def final_norm(config: TransformerConfig) -> LayerNorm | None:
    if not config.has_final_norm:
        return None
    return LayerNorm(config.d_model, eps=config.norm_eps)
