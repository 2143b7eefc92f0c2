"""BERT: a stack of encoder blocks that fills in what was hidden, and its heads.

Source: Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers for
Language Understanding, arXiv 1810.04805.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import InputError

from .. import init
from ..activations import ACTIVATIONS, Activation
from ..layers import Dropout, Embedding, Linear, ModuleList, Rng, positive
from ..module import Module
from ..norms import LayerNorm
from ..presets import preset
from .blocks import (
    BlockConfig,
    EncoderBlock,
    looked_at,
    real_tokens,
    token_of,
)
from .positions import LearnedPositions


@dataclass(frozen=True)
class BertConfig(BlockConfig):
    """The sizes of a BERT. The defaults are those of BERT base."""

    d_model: int = 768
    n_head: int = 12
    d_ff: int = 3072
    activation: Activation = "gelu"
    norm_eps: float = 1e-12
    attention_dropout: float = 0.1
    vocab_size: int = 30522
    """How many different tokens there are."""
    n_layer: int = 12
    """How many blocks are stacked."""
    max_length: int = 512
    """Context: how many tokens are seen at once."""
    n_segment: int = 2
    """How many parts a text may have: two sentences, say."""
    pad: int = 0
    """The token that fills short rows, and is never looked at."""

    def __post_init__(self) -> None:
        super().__post_init__()
        token_of(self.vocab_size, "pad", self.pad)

    @classmethod
    def whole_numbers(cls) -> tuple[str, ...]:
        counts = ("vocab_size", "n_layer", "max_length", "n_segment")
        return *super().whole_numbers(), *counts

    @classmethod
    def preset(cls, name: str, **changes: Any) -> BertConfig:
        """A named size with some fields changed: `preset("tiny", vocab_size=1000)`."""
        return preset(PRESETS, name, **changes)


# Devlin et al., section 3; tiny is the smallest of Turc et al., arXiv 1908.08962.
PRESETS = {
    "base": BertConfig(),
    "large": BertConfig(d_model=1024, n_head=16, d_ff=4096, n_layer=24),
    "tiny": BertConfig(d_model=128, n_head=2, d_ff=512, n_layer=2),
}


class Bert(Module):
    """Tokens (B, T) to what each means where it stands: (B, T, C).

    Segments (B, T) say which part of the text a token belongs to; the default is the
    first. The mask (B, T) is True where a token is real: by default, where it is not
    `pad`. `rng` draws the initial weights and, in training, the dropout. The heads
    below are put on a Bert, new or trained: `BertForMaskedLM(Bert(config))`.
    """

    def __init__(self, config: BertConfig, rng: Rng = 0) -> None:
        self.config = config
        self.token_embedding = Embedding(config.vocab_size, config.d_model)
        self.segment_embedding = Embedding(config.n_segment, config.d_model)
        self.positions = LearnedPositions(config.max_length, config.d_model)
        self.norm = LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = Dropout(config.dropout)
        self.encoder = ModuleList(EncoderBlock(config) for _ in range(config.n_layer))
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

    def pool(self, hidden: Tensor) -> Tensor:
        """tanh(x W + b) of each row's first token, [CLS]: (B, T, C) -> (B, C)."""
        pooled: Tensor = tg.tanh(self.pooler(hidden[:, 0]))
        return pooled


class MaskedWordHead(Module):
    """Scores (..., V) of the words at (..., C), by the weight of the embedding."""

    def __init__(
        self, config: BertConfig, embedding: Embedding, rng: np.random.Generator
    ) -> None:
        self.transform = Linear(config.d_model, config.d_model)
        self.activation = config.activation
        self.norm = LayerNorm(config.d_model, eps=config.norm_eps)
        self.output = Linear(config.d_model, config.vocab_size)
        init.bert_(self, rng=rng)
        self.output.weight = embedding.weight

    def forward(self, hidden: Any) -> Any:
        x = ACTIVATIONS[self.activation](self.transform(hidden))
        return self.output(self.norm(x))


class BertForMaskedLM(Module):
    """Scores (B, T, V) of the word at each place, hidden or not.

    With `places`, two integer arrays (rows, columns) of length N, only the scores
    there: (N, V). Training needs no others, and they are most of the work.
    """

    def __init__(self, bert: Bert, rng: Rng = 0) -> None:
        rng = np.random.default_rng(rng)
        self.bert = bert
        self.words = MaskedWordHead(bert.config, bert.token_embedding, rng)
        self.set_rng(rng)

    def forward(
        self,
        tokens: ArrayLike,
        segments: ArrayLike | None = None,
        mask: Any = None,
        places: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Tensor:
        hidden = self.bert(tokens, segments, mask)
        if places is not None:
            rows, columns = places
            hidden = hidden[rows, columns]  # (B, T, C) -> (N, C)
        scores: Tensor = self.words(hidden)
        return scores


class BertForPreTraining(Module):
    """Both tasks that BERT was trained on.

    Scores (B, T, V) of the words, and (B, 2) of whether the second segment is the
    sentence that follows the first (0) or another one (1).
    """

    def __init__(self, bert: Bert, rng: Rng = 0) -> None:
        rng = np.random.default_rng(rng)
        self.bert = bert
        self.words = MaskedWordHead(bert.config, bert.token_embedding, rng)
        self.next_sentence = init.bert_(Linear(bert.config.d_model, 2), rng=rng)
        self.set_rng(rng)

    def forward(
        self, tokens: ArrayLike, segments: ArrayLike | None = None, mask: Any = None
    ) -> tuple[Tensor, Tensor]:
        hidden = self.bert(tokens, segments, mask)
        return self.words(hidden), self.next_sentence(self.bert.pool(hidden))


class Classifier(Module):
    """A Bert, and a linear layer that tells n_class kinds apart.

    Abstract: its subclasses say of what, rows or tokens.
    """

    def __init__(self, bert: Bert, n_class: int, rng: Rng = 0) -> None:
        positive(type(self).__name__, n_class=n_class)
        rng = np.random.default_rng(rng)
        self.bert = bert
        self.dropout = Dropout(bert.config.dropout)
        self.classifier = Linear(bert.config.d_model, n_class)
        init.bert_(self.classifier, rng=rng)
        self.set_rng(rng)


class BertForSequenceClassification(Classifier):
    """Scores (B, n_class) of what kind of text a row is."""

    def forward(
        self, tokens: ArrayLike, segments: ArrayLike | None = None, mask: Any = None
    ) -> Tensor:
        pooled = self.bert.pool(self.bert(tokens, segments, mask))
        scores: Tensor = self.classifier(self.dropout(pooled))
        return scores


class BertForTokenClassification(Classifier):
    """Scores (B, T, n_class) of what kind of token each is."""

    def forward(
        self, tokens: ArrayLike, segments: ArrayLike | None = None, mask: Any = None
    ) -> Tensor:
        hidden = self.bert(tokens, segments, mask)
        scores: Tensor = self.classifier(self.dropout(hidden))
        return scores
