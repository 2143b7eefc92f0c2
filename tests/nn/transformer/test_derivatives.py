"""Losses of whole models against finite differences, to the second order."""

from typing import Any

import numpy as np
import pytest

from nn import Module, losses
from nn.transformer import (
    Bert,
    BertConfig,
    BertForPreTraining,
    Transformer,
    TransformerConfig,
)
from tensorgrad import Tensor
from tensorgrad.testing import assert_gradients

SOURCE, TARGET = np.array([[3, 4, 5], [4, 3, 0]]), np.array([[1, 5, 3], [1, 4, 2]])
SEGMENTS = np.array([[0, 0, 1], [0, 1, 1]])
SIZES: dict[str, Any] = {"d_model": 4, "n_head": 2, "d_ff": 5, "vocab_size": 6}


def check(model: Module, loss: Any, names: list[str]) -> None:
    """The loss as a function of these parameters, tied ones under each of their names.

    Their values are drawn anew, so that no score is close to another.
    """
    model.to(np.float64)
    rng = np.random.default_rng(0)
    for p in model.parameters():
        p.writable()[...] += 0.5 * rng.standard_normal(p.shape)
    chosen = dict(model.named_parameters())
    places = [
        [
            (module, name)
            for module in model.modules()
            for name, value in vars(module).items()
            if value is chosen[wanted]
        ]
        for wanted in names
    ]

    def f(*values: Tensor) -> Any:
        for value, tied in zip(values, places, strict=True):
            for module, name in tied:
                setattr(module, name, value)
        return loss()

    assert_gradients(f, *[chosen[name].data for name in names], order=2)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_transformers_loss(norm_first: bool) -> None:
    config = TransformerConfig(
        **SIZES,
        n_encoder=1,
        n_decoder=1,
        activation="gelu",
        norm_first=norm_first,
        dropout=0.0,
    )
    model = Transformer(config)

    def loss() -> Any:
        scores = model(SOURCE, TARGET[:, :-1])
        return losses.cross_entropy(scores, TARGET[:, 1:], label_smoothing=0.1)

    names = [
        "source_embedding.weight",  # and the target's, and the output's
        "encoder.0.attention.query.weight",
        "encoder.0.residual1.norm.weight",
        "decoder.0.attention.value.bias",
        "decoder.0.cross_attention.key.weight",
        "decoder.0.feed_forward.linear1.weight",
    ]
    check(model, loss, names)


def test_berts_loss() -> None:
    config = BertConfig(
        **SIZES, n_layer=1, max_length=4, dropout=0.0, attention_dropout=0.0
    )
    model = BertForPreTraining(Bert(config))

    def loss() -> Any:
        words, following = model(SOURCE, SEGMENTS)
        hidden = np.where(SOURCE == 4, 2, -100)
        return losses.cross_entropy(words, hidden) + losses.cross_entropy(
            following, np.array([0, 1])
        )

    names = [
        "bert.token_embedding.weight",  # and the output's
        "bert.segment_embedding.weight",
        "bert.encoder.0.attention.key.weight",
        "bert.pooler.bias",
        "words.transform.weight",
        "next_sentence.weight",
    ]
    check(model, loss, names)
