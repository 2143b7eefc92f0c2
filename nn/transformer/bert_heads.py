"""What BERT is trained for, and used for: heads on its encoder.

Source: Devlin et al., arXiv 1810.04805, sections 3.1 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad import Tensor
from tensorgrad.errors import ConfigError

from .. import init
from ..activations import ACTIVATIONS
from ..layers import Dropout, Embedding, Linear, Rng, positive
from ..module import Module
from ..norms import LayerNorm
from ..published.layouts import ConfigFile, Layout
from ..published.pretrained import Pretrained
from . import published_bert
from .bert import Bert, like
from .config import BertConfig


class BertHead(Pretrained):
    """A Bert and what stands on it, in its dtype and mode.

    Abstract. `from_pretrained` needs a checkpoint with this very head, and leaves out
    others; CheckpointError where it is missing. On such a one put a new head, to be
    trained: `BertForMaskedLM(Bert.from_pretrained(folder))`. `published_bert` says
    what else is refused.
    """

    bert: Bert

    @property
    def config(self) -> BertConfig:
        return self.bert.config

    @classmethod
    def from_config(cls, config: BertConfig, content: ConfigFile) -> Self:
        return cls(Bert(config))  # type: ignore[call-arg]

    def attention_maps(
        self, tokens: ArrayLike, segments: ArrayLike | None = None
    ) -> dict[str, NDArray[Any]]:
        """How much each head of its Bert looks where: see `Bert.attention_maps`."""
        return self.bert.attention_maps(tokens, segments)


class MaskedWordHead(Module):
    """Scores (..., V) of the words at (..., C), by the weight of the embedding.

    With `tie_output=False` in the config, by a weight of its own.
    """

    def __init__(
        self, config: BertConfig, embedding: Embedding, rng: np.random.Generator
    ) -> None:
        self.transform = Linear(config.d_model, config.d_model)
        self.activation = config.activation
        self.norm = LayerNorm(config.d_model, eps=config.norm_eps)
        self.output = Linear(config.d_model, config.vocab_size)
        init.bert_(self, rng=rng)
        if embedding.weight.dtype != self.output.weight.dtype:
            self.to(embedding.weight.dtype)
        if config.tie_output:
            self.output.weight = embedding.weight

    def forward(self, hidden: Any) -> Any:
        x = ACTIVATIONS[self.activation](self.transform(hidden))
        return self.output(self.norm(x))


class BertForMaskedLM(BertHead):
    """Scores (B, T, V) of the word at each place, hidden or not.

    With `places`, two integer arrays (rows, columns) of length N, only the scores
    there: (N, V). Training needs no others, and they are most of the work.
    """

    layouts: ClassVar = published_bert.MASKED_WORDS

    def __init__(self, bert: Bert, rng: Rng = 0) -> None:
        rng = np.random.default_rng(rng)
        self.bert = bert
        self.words = MaskedWordHead(bert.config, bert.token_embedding, rng)
        self.train(bert.training).set_rng(rng)

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


class BertForPreTraining(BertHead):
    """Both tasks that BERT was trained on.

    Scores (B, T, V) of the words, and (B, 2) of whether the second segment is the
    sentence that follows the first (0) or another one (1).
    """

    layouts: ClassVar = published_bert.PRE_TRAINING

    def __init__(self, bert: Bert, rng: Rng = 0) -> None:
        rng = np.random.default_rng(rng)
        self.bert = pooled(bert)
        self.words = MaskedWordHead(bert.config, bert.token_embedding, rng)
        head = init.bert_(Linear(bert.config.d_model, 2), rng=rng)
        self.next_sentence = like(bert, head)
        self.train(bert.training).set_rng(rng)

    def forward(
        self, tokens: ArrayLike, segments: ArrayLike | None = None, mask: Any = None
    ) -> tuple[Tensor, Tensor]:
        hidden = self.bert(tokens, segments, mask)
        return self.words(hidden), self.next_sentence(self.bert.pool(hidden))


class Classifier(BertHead):
    """A Bert, and a linear layer that tells n_class kinds apart.

    `labels` name the kinds. `dropout` is what is dropped before the linear layer;
    None: as elsewhere. Abstract: its subclasses say of what, rows or tokens.
    """

    def __init__(
        self,
        bert: Bert,
        n_class: int,
        rng: Rng = 0,
        *,
        labels: Sequence[str] = (),
        dropout: float | None = None,
    ) -> None:
        positive(type(self).__name__, n_class=n_class)
        if labels and len(labels) != n_class:
            raise ConfigError(f"{len(labels)} labels for n_class={n_class} kinds")
        rng = np.random.default_rng(rng)
        self.bert, self.labels = bert, tuple(labels)
        self.dropout = Dropout(bert.config.dropout if dropout is None else dropout)
        head = init.bert_(Linear(bert.config.d_model, n_class), rng=rng)
        self.classifier = like(bert, head)
        self.train(bert.training).set_rng(rng)

    @classmethod
    def from_config(cls, config: BertConfig, content: ConfigFile) -> Self:
        settings = published_bert.classifier_settings(content, cls.__name__)
        return cls(Bert(config), **settings)

    def _to_json(self, layout: Layout) -> dict[str, Any]:
        n_class = self.classifier.weight.shape[0]
        labels = self.labels or [f"LABEL_{i}" for i in range(n_class)]
        return {
            **super()._to_json(layout),
            "classifier_dropout": self.dropout.p,
            "id2label": {str(i): label for i, label in enumerate(labels)},
            "label2id": {label: i for i, label in enumerate(labels)},
        }


class BertForSequenceClassification(Classifier):
    """Scores (B, n_class) of what kind of text a row is."""

    layouts: ClassVar = (published_bert.TEXT_KINDS,)

    def __init__(self, bert: Bert, n_class: int, rng: Rng = 0, **settings: Any) -> None:
        super().__init__(pooled(bert), n_class, rng, **settings)

    def forward(
        self, tokens: ArrayLike, segments: ArrayLike | None = None, mask: Any = None
    ) -> Tensor:
        pooled = self.bert.pool(self.bert(tokens, segments, mask))
        scores: Tensor = self.classifier(self.dropout(pooled))
        return scores


class BertForTokenClassification(Classifier):
    """Scores (B, T, n_class) of what kind of token each is."""

    layouts: ClassVar = (published_bert.TOKEN_KINDS,)

    def forward(
        self, tokens: ArrayLike, segments: ArrayLike | None = None, mask: Any = None
    ) -> Tensor:
        hidden = self.bert(tokens, segments, mask)
        scores: Tensor = self.classifier(self.dropout(hidden))
        return scores


def pooled(bert: Bert) -> Bert:
    """The Bert; ConfigError where it has no pooler, which this head needs."""
    if bert.pooler is None:
        raise ConfigError(
            "this head looks at whole texts through the pooler, and the Bert has none, "
            "as its checkpoint had none: bert.add_pooler() gives it a new one"
        )
    return bert
