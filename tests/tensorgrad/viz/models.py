"""Small models for the pages: real ones, and one whose logits are given."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpt import GPT, GPTConfig
from nn.transformer import Bert, BertConfig, Transformer, TransformerConfig

V = 7
NASTY = ["<", "</script>", " ", "\n", "&amp;", "\u202e", "é"]  # V labels


def gpt(seed: int = 0, **sizes: Any) -> GPT:
    config = GPTConfig(
        **{
            "block_size": 12,
            "vocab_size": V,
            "n_layer": 2,
            "n_head": 3,
            "n_embd": 12,
            **sizes,
        }
    )
    return loud(GPT(config, seed), seed)


def bert() -> Bert:
    config = BertConfig(
        d_model=12, n_head=3, d_ff=8, vocab_size=V, n_layer=2, max_length=12
    )
    return loud(Bert(config))


def translator() -> Transformer:
    config = TransformerConfig(
        d_model=12,
        n_head=3,
        d_ff=8,
        vocab_size=V,
        n_encoder=2,
        n_decoder=1,
        max_length=12,
    )
    return loud(Transformer(config))


def loud(model: Any, seed: int = 0) -> Any:
    """With weights so large that heads and layers differ, in eval mode."""
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.writable()[...] = rng.normal(0, 0.6, parameter.shape)
    return model.eval()


@dataclass(frozen=True)
class Given:
    """A model of one layer that always gives these logits (T, V)."""

    logits: np.ndarray

    def layer_logits(self, tokens: Any) -> list[np.ndarray]:
        return [0 * self.logits, self.logits]


class Silent:
    """A model without layers."""

    def layer_logits(self, tokens: Any) -> list[np.ndarray]:
        return []
