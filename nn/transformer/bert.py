"""BERT: a stack of encoder blocks that fills in what was hidden, and its heads.

Source: Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers for
Language Understanding, arXiv 1810.04805.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, InputError

from .. import init
from ..attention import attention_maps
from ..layers import Dropout, Embedding, Linear, ModuleList, Rng
from ..module import Module
from ..norms import LayerNorm
from ..published.pretrained import Pretrained
from . import published_bert
from .blocks import EncoderBlock, looked_at, real_tokens
from .config import BertConfig
from .positions import LearnedPositions


class Bert(Pretrained):
    """Tokens (B, T) to what each means where it stands: (B, T, C).

    Segments (B, T) say which part of the text a token belongs to; the default is the
    first. The mask (B, T) is True where a token is real: by default, where it is not
    `pad`. `rng` draws the initial weights and, in training, the dropout. The heads
    are put on a Bert, new or trained: `BertForMaskedLM(Bert(config))`.

    `from_pretrained` reads BERT's checkpoints, those of its heads too, whose heads it
    leaves out; one without a pooler makes a Bert without: see `add_pooler`.
    `published_bert` says what is refused. `save_pretrained` writes them; ConfigError
    for pre-norm and for dropout inside the feed-forward layers, which none has.
    """

    layouts: ClassVar = (published_bert.ENCODER,)

    def __init__(self, config: BertConfig, rng: Rng = 0) -> None:
        self.config = config
        self.token_embedding = Embedding(config.vocab_size, config.d_model)
        self.segment_embedding = Embedding(config.n_segment, config.d_model)
        self.positions = LearnedPositions(config.max_length, config.d_model)
        self.norm = LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = Dropout(config.dropout)
        self.encoder = ModuleList(EncoderBlock(config) for _ in range(config.n_layer))
        self.pooler: Linear | None = None
        if config.pooler:
            self.pooler = Linear(config.d_model, config.d_model)
        rng = np.random.default_rng(rng)
        self.set_rng(rng)
        init.bert_(self, rng=rng)

    def forward(
        self, tokens: ArrayLike, segments: ArrayLike | None = None, mask: Any = None
    ) -> Tensor:
        tokens = np.asarray(tokens)
        if tokens.ndim != 2:
            raise InputError(f"tokens should be (B, T), not {tokens.shape}")
        T = tokens.shape[1]
        if self.config.max_length < T:
            raise InputError(
                f"{T} tokens are more than the context of {self.config.max_length}"
            )
        segments = np.zeros_like(tokens) if segments is None else np.asarray(segments)
        if segments.shape != tokens.shape:
            raise InputError(
                f"segments {segments.shape} for tokens {tokens.shape}: each has one"
            )
        real = looked_at(real_tokens(tokens, self.config.pad, mask))
        x = self.token_embedding(tokens) + self.segment_embedding(segments)
        x = self.dropout(self.norm(self.positions(x, np.arange(T))))  # (B, T, C)
        for block in self.encoder:
            x = block(x, real)
        embedded: Tensor = x
        return embedded

    def attention_maps(
        self, tokens: ArrayLike, segments: ArrayLike | None = None
    ) -> dict[str, NDArray[Any]]:
        """How much each head looks where: {"self": (L, H, T, T)} of tokens (T,)."""
        rows = [None if x is None else np.asarray(x)[None] for x in (tokens, segments)]
        return attention_maps(self, lambda: self(*rows), self="encoder.{}.attention")

    def pool(self, hidden: Tensor) -> Tensor:
        """tanh(x W + b) of each row's first token, [CLS]: (B, T, C) -> (B, C)."""
        if self.pooler is None:
            raise ConfigError(
                "this Bert has no pooler, as its checkpoint had none: add_pooler() "
                "gives it a new one, to be trained"
            )
        pooled: Tensor = tg.tanh(self.pooler(hidden[:, 0]))
        return pooled

    def add_pooler(self, rng: Rng = 0) -> Self:
        """Draw a new pooler, still to be trained, where a checkpoint had none."""
        C, rng = self.config.d_model, np.random.default_rng(rng)
        self.pooler = like(self, init.bert_(Linear(C, C), rng=rng))
        self.config = replace(self.config, pooler=True)
        return self


def like(bert: Bert, head: Module) -> Any:
    """The head in a Bert's dtype and mode."""
    dtype = bert.token_embedding.weight.dtype
    if any(parameter.dtype != dtype for parameter in head.parameters()):
        head.to(dtype)
    return head.train(bert.training)
