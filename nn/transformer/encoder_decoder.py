"""The Transformer of 2017: an encoder that reads, a decoder that writes.

Source: Vaswani et al., Attention Is All You Need, arXiv 1706.03762.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import InputError

from .. import init
from ..attention import attention_maps
from ..cache import Times
from ..decoding import GREEDY, generate
from ..evaluation import evaluating
from ..layers import Dropout, Embedding, Linear, ModuleList, Rng
from ..module import Module
from ..norms import LayerNorm
from ..packing import pack
from ..published.pretrained import Pretrained
from . import published_marian
from .blocks import DecoderBlock, DecoderCache, EncoderBlock, looked_at, real_tokens
from .config import TransformerConfig
from .positions import LearnedPositions, SinusoidalPositions

Array = NDArray[Any]


class Transformer(Pretrained):
    """Tokens of a source (B, S) and of a target (B, T) to the scores of what follows.

    `forward` gives logits (B, T, V): those at t are of target t + 1, and see the
    target up to t and the whole source. A source's `pad` tokens are never looked at,
    unless a mask (B, S), True where a token is real, says otherwise. `rng` draws the
    initial weights and, in training, the dropout.

    `from_pretrained` reads Marian's checkpoints, whatever sizes, activation, dropout,
    vocabularies and ties they have; `published_marian` says what is refused.
    `save_pretrained` writes them. ConfigError for a config that none of them could
    have: they are post-norm, without final norms, with positions in halves, and share
    embeddings only with a tied output.
    """

    layouts: ClassVar = (published_marian.SHARED, published_marian.SEPARATE)

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
        decoder = config.of_decoder
        self.decoder = ModuleList(
            DecoderBlock(decoder) for _ in range(config.n_decoder)
        )
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
        x = self._target_embedded(target, positions)
        seen = None if source_mask is None else looked_at(np.asarray(source_mask, bool))
        for i, block in enumerate(self.decoder):
            cache = None if caches is None else caches[i]
            x = block(x, memory, target_mask, seen, cache)
        return x if self.decoder_norm is None else self.decoder_norm(x)

    def _target_embedded(
        self, target: ArrayLike, positions: ArrayLike | None = None
    ) -> Tensor:
        table, place = self.target_embedding, self.target_positions
        return self._embedded(target, table, place, "target", positions)

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

    def attention_maps(
        self, source: ArrayLike, target: ArrayLike
    ) -> dict[str, NDArray[Any]]:
        """How much each head looks where: (L, H, T, S) of three kinds.

        `encoder`, of the source (S,) to itself; `decoder`, of the target (T,) to what
        is before it; `cross`, of the target to the source.
        """
        rows = np.asarray(source)[None], np.asarray(target)[None]
        return attention_maps(
            self,
            lambda: self(*rows),
            encoder="encoder.{}.attention",
            decoder="decoder.{}.attention",
            cross="decoder.{}.cross_attention",
        )

    def layer_logits(self, source: ArrayLike, target: ArrayLike) -> Iterator[Array]:
        """The scores (T, V) that each layer of the decoder alone would give.

        First those of the embeddings of the target (T,), then those after each block,
        as if it were the last; after the last one they are the model's own.
        """
        rows = np.asarray(source)[None]
        with evaluating(self), tg.no_grad():
            mask = self.mask_of(rows)
            memory = self.encode(rows, mask)
            states = [self._target_embedded(np.asarray(target)[None])]  # (1, T, C)
            for block in self.decoder:
                states.append(block(states[-1], memory, None, looked_at(mask)))
        # one at a time: V is large
        return (self._scores(x) for x in states)

    @tg.no_grad()
    def _scores(self, x: Tensor) -> Array:
        normed = x if self.decoder_norm is None else self.decoder_norm(x)
        scores: Array = self.output(normed)[0].data
        return scores

    def write(self, source: ArrayLike, max_new_tokens: int | None = None) -> Array:
        """The target (T,) of a source (S,), token by token the likeliest.

        From `bos` to `eos`, or up to so many tokens: by default 50 more than the
        source has. Both are at most the context.
        """
        tokens = np.asarray(source)
        longest = len(tokens) + 50 if max_new_tokens is None else max_new_tokens
        longest = min(longest, self.config.max_length)
        bos, eos = self.config.bos, self.config.eos
        [done] = generate(
            self.start(tokens[None], capacity=longest),
            [[bos]],
            max_new_tokens=longest,
            settings=GREEDY,
            stop_tokens={eos},
        )
        return np.append(bos, done.tokens)

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
        pack(model)
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
    sizes = config.max_length, config.d_model
    if config.positions == "learned":
        return LearnedPositions(*sizes)
    return SinusoidalPositions(*sizes, halves=config.positions == "sinusoidal_halves")


def final_norm(config: TransformerConfig) -> LayerNorm | None:
    if not config.has_final_norm:
        return None
    return LayerNorm(config.d_model, eps=config.norm_eps)
