"""What a GPT is: its sizes, and the published ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nn.activations import Activation, check_activation
from nn.presets import preset
from tensorgrad.errors import ConfigError

DROPOUTS = ("embd_pdrop", "attn_pdrop", "resid_pdrop")  # of each part


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT. The defaults are those of GPT-2, the smallest."""

    block_size: int = 1024
    """Context: how many tokens the model sees at once."""
    vocab_size: int = 50257
    """How many different tokens there are."""
    n_layer: int = 12
    """How many blocks are stacked."""
    n_head: int = 12
    """Attention heads in each block; they divide the channels among themselves."""
    n_embd: int = 768
    """Channels: the width of the vector that stands for a token."""
    dropout: float = 0.0
    """The share of activations zeroed in training, from 0 up to but without 1."""
    bias: bool = True
    """Whether linear layers and layer norms add a bias."""
    n_inner: int | None = None
    """How wide the MLP is in between; None: four times n_embd."""
    activation: Activation = "gelu_tanh"
    """What the MLP applies in between."""
    norm_first: bool = True
    """Norms before each sublayer and at the end; False: after each, as in GPT-1."""
    norm_eps: float = 1e-5
    """What layer norms add to the variance."""
    scale_attn_weights: bool = True
    """Whether attention divides its scores by the root of a head's channels."""
    scale_attn_by_inverse_layer_idx: bool = False
    """Whether the scores of block i, from 0, are divided by i + 1 as well."""
    tie_word_embeddings: bool = True
    """Whether the head is the token embedding, or has a weight of its own."""
    embd_pdrop: float | None = None
    """Dropout of the embeddings; None: as `dropout` says."""
    attn_pdrop: float | None = None
    """Dropout of attention weights; None: as `dropout` says."""
    resid_pdrop: float | None = None
    """Dropout of what each sublayer adds; None: as `dropout` says."""

    def __post_init__(self) -> None:
        for name in ("block_size", "vocab_size", "n_layer", "n_head", "n_embd"):
            self._require_size(name)
        if self.n_inner is not None:
            self._require_size("n_inner")
        if self.n_embd % self.n_head:
            raise ConfigError(
                f"n_embd ({self.n_embd}) must be a multiple of n_head ({self.n_head}): "
                "each head gets n_embd / n_head channels"
            )
        for name in ("dropout", *DROPOUTS):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ConfigError(f"{name} must be in [0, 1), got {value}")
        if not 0 <= self.norm_eps < math.inf:
            raise ConfigError(
                f"norm_eps must be a number, 0 or more, got {self.norm_eps}"
            )
        check_activation(self.activation)

    def _require_size(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} must be a whole number >= 1, got {value!r}")

    def dropout_of(self, name: str) -> float:
        """The value of `embd_pdrop` and so on, or of `dropout` where it is None."""
        own: float | None = getattr(self, name)
        return self.dropout if own is None else own

    @classmethod
    def preset(cls, name: str, **changes: Any) -> GPTConfig:
        """A named size with some fields changed: `GPTConfig.preset("gpt2-xl")`."""
        return preset(PRESETS, name, **changes)


# Radford et al., Language Models are Unsupervised Multitask Learners, table 2.
PRESETS = {
    "gpt2": GPTConfig(),
    "gpt2-medium": GPTConfig(n_layer=24, n_head=16, n_embd=1024),
    "gpt2-large": GPTConfig(n_layer=36, n_head=20, n_embd=1280),
    "gpt2-xl": GPTConfig(n_layer=48, n_head=25, n_embd=1600),
    # Trains on characters or bytes in about a minute on a CPU.
    "nano": GPTConfig(64, 256, n_layer=4, n_head=4, n_embd=128, bias=False),
}
"""The published sizes by name, and `nano`, which trains in a minute."""
